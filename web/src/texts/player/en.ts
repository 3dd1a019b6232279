// The texts of the player in English, apart from those of the pages: other sites load <course-video>
// alone. A further language is a file beside this one, typed as `PlayerCatalogue`, and its line in
// `CATALOGUES` of texts.ts; the compiler names what is missing.
//
// `{name}` stands for a value; plural forms are those of ../en.ts.

export const en = {
  hours: { one: "{count} hour", other: "{count} hours" },
  minutes: { one: "{count} minute", other: "{count} minutes" },
  seconds: { one: "{count} second", other: "{count} seconds" },
  close: "Close",
  bar: {
    play: "Play",
    pause: "Pause",
    playAgain: "Play again",
    soundOn: "Sound on",
    soundOff: "Sound off",
    volume: "Volume",
    captions: "Captions",
    panel: "Transcript and chapters",
    pictureInPicture: "Picture in picture",
    cast: "Play on another device",
    fullScreen: "Full screen",
    leaveFullScreen: "Leave full screen",
    settings: "Settings",
    back: "10 seconds back",
    forward: "10 seconds forward",
  },
  timeline: {
    label: "Place in the video",
    at: "{place} of {length}",
    seen: "{share} seen",
    wasSeen: "seen",
  },
  flash: {
    back: "{count} s back",
    forward: "{count} s forward",
    volume: "Volume {share}",
    noCaptions: "No captions",
    captionsOn: "Captions on",
    captionsOff: "Captions off",
  },
  settings: {
    speed: "Speed",
    quality: "Quality",
    captions: "Captions",
    captionSize: "Caption size",
    captionGround: "Caption background",
    download: "Download",
    backFrom: "Back from {name}",
    normalSpeed: "Normal",
    automatic: "Automatic",
    now: "{quality} now",
    save: "Save data",
    listen: "Listen only",
    off: "Off",
    captionSizes: { small: "Small", medium: "Medium", large: "Large" },
    captionGrounds: { shaded: "Shaded", solid: "Solid", none: "None" },
  },
  keys: {
    title: "Keys",
    names: {
      space: "Space, k",
      digits: "0 to 9",
      ends: "Home End",
    },
    toggle: "Play or pause",
    shortJump: "5 seconds back, forward",
    longJump: "10 seconds back, forward",
    volume: "Louder, quieter",
    mute: "Sound off or on",
    speed: "Slower, faster",
    tenth: "Go to that tenth of the video",
    ends: "Go to the beginning, the end",
    captions: "Captions on or off",
    panel: "Transcript and chapters",
    fullScreen: "Full screen",
    help: "These keys",
  },
  panel: {
    label: "Transcript and chapters",
    close: "Close the panel",
    search: "Search",
    searchLabel: "Search the transcript",
    transcript: "Transcript",
    chapters: "Chapters",
    nothingFound: "Nothing found.",
    nothing: "This video has no transcript and no chapters.",
  },
  messages: {
    dismiss: "Dismiss",
    listening: "Listening only",
    lost: "The connection to the server is lost. Playing goes on when it is back.",
    kept: "No connection: this is the copy on this device.",
    signedOut: "Your sign-in has ended: sign in again to save your place.",
    unsaved: "Your place will be saved when the server is back.",
    leftOff: "You left off at {time} elsewhere.",
    elsewhere: "You are at {time} in another tab or on another device.",
    continueFrom: "Continue from {time}",
    removed: "Removed from this device, since it may be kept no longer: {titles}.",
    title: "“{title}”",
    ok: "OK",
    tryAgain: "Try again",
    signIn: "Sign in again",
    next: "Next lesson",
    goOn: "Go on",
    watchAgain: "Watch again",
  },
  stalls: {
    offline: "This device is offline: playing goes on when it is connected.",
    tooMany: "Too much is asked for at once: close other players of this course.",
    busyServer: "The server is busy at the moment: playing goes on by itself.",
    busyDevice: "This device is too busy for this quality: a lower one helps, or fewer programs.",
    slowLine:
      "The line gives {line} Mbit/s, this quality needs {needed} Mbit/s: a lower one helps.",
    slow: "The video comes slower than it plays: the line or the server is slow at the moment.",
  },
  downloads: {
    title: "Download",
    promise:
      "A download is for this browser on this device, and a promise that this app keeps: it is not copy" +
      " protection (no DRM). It ends at its date, or with your access as soon as this device is online.",
    elsewhere:
      "Lessons are kept on the course’s own site, where they can be opened without a connection.",
    openThere: "Open it there",
    onDevice: "On this device",
    waiting: "The server does not answer. It goes on by itself.",
    paused: "Paused",
    running: "Downloading …",
    pause: "Pause",
    resume: "Resume",
    cancel: "Cancel",
    remove: "Remove",
    removeThing: "Remove {title}",
    quality: "Quality",
    start: "Download",
    soundAlone: "Sound alone",
    facts: "{size}, until {day}",
    amount: "{done} of {all}",
    room: "{used} used, room for {free}.",
    until: "Kept on this device until {day}. It plays without a connection.",
  },
  // By the code of the service's error: what has happened, and what helps.
  problems: {
    "invalid-token": {
      sentence: "Your sign-in has ended.",
      advice: "Go back to your course site and open the lesson from there.",
    },
    "not-enrolled": {
      sentence: "You are no longer enrolled in this course, or never were.",
      advice: "Ask your teacher, or the support of your course site.",
    },
    "not-allowed": {
      sentence: "Your role in this course does not allow this.",
      advice: "Ask your teacher, or the support of your course site.",
    },
    "not-found": {
      sentence: "There is no video here, or it has been deleted.",
      advice: "Go back to your course site and open the lesson from there.",
    },
    "not-ready": {
      sentence: "This video is still being prepared.",
      advice: "It starts here as soon as it is ready.",
    },
    failed: {
      sentence: "This video could not be prepared.",
      advice: "Your teacher has to upload it again.",
    },
    "cannot-play": {
      sentence: "This browser cannot play this video.",
      advice: "Try another browser, or update this one.",
    },
    "rate-limited": {
      sentence: "You have too many videos open, or asked too often.",
      advice: "Close other players of this course, then try again.",
    },
    unavailable: {
      sentence: "The service is not available at the moment.",
      advice: "Try again in a moment.",
    },
    internal: {
      sentence: "The service has made a mistake.",
      advice: "Try again in a moment. If it happens again, tell whoever runs this course.",
    },
    "invalid-request": {
      sentence: "The service did not understand this player.",
      advice: "Reload the page. If it happens again, tell whoever runs this course.",
    },
    "method-not-allowed": {
      sentence: "The service did not understand this player.",
      advice: "Reload the page. If it happens again, tell whoever runs this course.",
    },
    "not-acceptable": {
      sentence: "There is no format of this video for this browser.",
      advice: "Try another browser, or update this one.",
    },
    "module-elsewhere": {
      sentence: "This lesson belongs to another course.",
      advice: "Go back to your course site and open the lesson from there.",
    },
    "order-mismatch": {
      sentence: "Something was added or removed meanwhile.",
      advice: "Reload the page to see what it is now.",
    },
    "precondition-failed": {
      sentence: "Someone else has changed this meanwhile.",
      advice: "Reload the page to see what it is now.",
    },
    "range-not-satisfiable": {
      sentence: "The video has changed while it played.",
      advice: "Start it again.",
    },
    "offset-mismatch": {
      sentence: "The upload continues at another place.",
      advice: "Try again in a moment.",
    },
    "checksum-mismatch": {
      sentence: "Bytes were damaged on their way.",
      advice: "Try again in a moment.",
    },
    locked: {
      sentence: "Someone is using this at the moment.",
      advice: "Try again in a moment.",
    },
    empty: { sentence: "The file is empty.", advice: "Your teacher has to upload another file." },
    "too-large": {
      sentence: "The file is too large.",
      advice: "Your teacher has to upload another file.",
    },
    "over-quota": {
      sentence: "There is no room left for this file.",
      advice: "If it happens again, tell whoever runs this course.",
    },
    "unsupported-format": {
      sentence: "Files of this format are not accepted.",
      advice: "Your teacher has to upload another file.",
    },
    undecodable: {
      sentence: "The file is damaged.",
      advice: "Your teacher has to upload it again.",
    },
    "no-video": {
      sentence: "The file holds no video.",
      advice: "Your teacher has to upload another file.",
    },
    "too-complex": {
      sentence: "The file is larger or longer than is allowed.",
      advice: "Your teacher has to upload another file.",
    },
    "licence-refused": {
      sentence: "This video may no longer be played offline.",
      advice: "Connect to the internet and open it again.",
    },
    "no-licence": {
      sentence: "The licence of this download cannot be verified here.",
      advice: "Update this browser, and set the clock of this device.",
    },
    "no-room": {
      sentence: "There is not enough room on this device.",
      advice: "Remove other downloads, or choose a lower quality.",
    },
    "too-few": {
      sentence: "Too few people have watched this to show figures.",
      advice: "Look again later.",
    },
  },
  /** Where the code says nothing. */
  trouble: {
    noConnection: "The server cannot be reached.",
    noConnectionAdvice: "Check your connection. Playing goes on when it is back.",
    answered: "The server answered {status}.",
    again: "Try again in a moment.",
    toSite: "Go back to your course site and open the lesson from there.",
    reference: "(Reference: {reference})",
  },
} as const;
