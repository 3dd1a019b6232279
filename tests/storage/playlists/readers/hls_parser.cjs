// Parses playlists by hls-parser in its strict mode and prints them as JSON.
// Arguments: MODULES FILE...
const fs = require('node:fs')
const path = require('node:path')

const [modules, ...files] = process.argv.slice(2)
const hls = require(path.join(modules, 'hls-parser'))

hls.setOptions({ strictMode: true })
const parsed = files.map((file) => hls.parse(fs.readFileSync(file, 'utf8')))
console.log(JSON.stringify(parsed))
