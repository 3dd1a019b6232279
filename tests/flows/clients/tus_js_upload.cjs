// Uploads a file by tus-js-client, and goes on where an earlier process of this was stopped.
// Arguments: MODULES URL TOKEN FILE STORAGE, the last one a file that remembers the address.
const fs = require('node:fs')
const path = require('node:path')

const [modules, endpoint, token, file, storage] = process.argv.slice(2)
const tus = require(path.join(modules, 'tus-js-client'))

const upload = new tus.Upload(fs.createReadStream(file), {
  endpoint,
  headers: { Authorization: `Bearer ${token}` },
  metadata: { module_id: 'm1', filename: 'lecture.mp4' },
  chunkSize: 1024 * 1024,
  uploadSize: fs.statSync(file).size,
  urlStorage: new tus.FileUrlStorage(storage),
  retryDelays: null,
  onError: (error) => {
    console.error(String(error))
    process.exit(1)
  },
  onSuccess: () => process.exit(0),
})

upload.findPreviousUploads().then((previous) => {
  if (previous.length) upload.resumeFromPreviousUpload(previous[0])
  upload.start()
})
