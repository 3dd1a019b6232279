// Reads files by mp4box.js and prints their tracks and the times of their samples as JSON.
// Arguments: MODULES FILE...
const fs = require('node:fs')
const path = require('node:path')

const [modules, ...files] = process.argv.slice(2)
const mp4box = require(path.join(modules, 'mp4box', 'dist', 'mp4box.all.cjs'))

function read(file) {
  const movie = mp4box.createFile()
  movie.onError = (error) => {
    throw new Error(error)
  }
  const { buffer } = new Uint8Array(fs.readFileSync(file))
  buffer.fileStart = 0
  movie.appendBuffer(buffer)
  movie.flush()
  const [track] = movie.getInfo().tracks
  const samples = movie.getTrackSamplesInfo(track.id)
  const [sidx] = movie.getBoxes('sidx')
  return {
    codec: track.codec,
    kinds: movie.boxes.map((box) => box.type),
    times: samples.map((one) => [one.dts, one.cts, one.is_sync, one.size]),
    edits: track.edits ?? [],
    index: {
      start: Number(sidx.earliest_presentation_time),
      timescale: sidx.timescale,
      references: sidx.references.map((one) => [
        one.referenced_size,
        one.subsegment_duration,
        one.starts_with_SAP,
        one.SAP_type,
      ]),
    },
  }
}

console.log(JSON.stringify(files.map(read)))
