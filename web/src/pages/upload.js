// The form by which an instructor adds a video to a module, with its progress.

import { el, percent } from "../browser/elements.ts";
import { readProblem } from "../service/client.ts";
import { explain, inWords } from "./notices.js";

const FORMATS =
  "MP4, WebM, QuickTime, Matroska, AVI, MPEG, Windows Media, Flash Video or 3GP." +
  " What browsers do not play is converted.";

/** The folded form; `onDone(video)` is called with what the server made of the file. */
export function uploadForm(api, module, onDone) {
  // Formats that the server accepts by default; it judges the content, not the name.
  const accept =
    "video/*,.mp4,.m4v,.webm,.mov,.mkv,.avi,.ts,.mts,.m2ts,.mpg,.mpeg,.vob,.wmv,.asf,.flv,.3gp";
  const file = el("input", { type: "file", name: "file", required: true, accept });
  const title = el("input", {
    type: "text",
    name: "title",
    maxLength: 200,
    placeholder: "Without one, the file's name",
  });
  const submit = el("button", { type: "submit", className: "button" }, "Upload");
  const progress = el("div", { className: "sending", hidden: true });
  const failure = el("p", { className: "failure", role: "alert" });
  const form = el(
    "form",
    {},
    el("label", {}, "Title", title),
    el("label", {}, "Video file", file),
    el("p", { className: "quiet" }, FORMATS),
    submit,
    progress,
    failure,
  );
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    submit.disabled = true;
    failure.textContent = "";
    const refuse = (error) => showFailure(failure, error);
    const video = await upload(api, module, title.value.trim(), file.files[0], progress, refuse);
    submit.disabled = false;
    if (!video) return;
    form.reset();
    onDone(video);
  });
  return el(
    "details",
    { className: "upload" },
    el("summary", {}, "Add a video", el("span", { className: "unseen" }, ` to ${module.title}`)),
    form,
  );
}

// At the form: the page's own notices may be far out of sight.
function showFailure(place, error) {
  if (error.status === 401) return explain(error);
  place.textContent = inWords(error);
  place.scrollIntoView({ block: "nearest" });
}

/** Resolves with the video, or with null when there is none; `refuse(error)` is told why. */
async function upload(api, module, title, file, place, refuse) {
  const request = new XMLHttpRequest();
  const warn = (event) => event.preventDefault();
  addEventListener("beforeunload", warn);
  showProgress(request, file.name, place);
  try {
    return await post(request, api, module.id, title, file);
  } catch (error) {
    if (error) refuse(error);
    return null;
  } finally {
    removeEventListener("beforeunload", warn);
    place.hidden = true;
  }
}

function showProgress(request, name, place) {
  const bar = el("progress", { max: 1, value: 0, ariaLabel: `Uploading ${name}` });
  const text = el("span", {}, "0 %");
  const cancel = el(
    "button",
    { type: "button", className: "link", onclick: () => request.abort() },
    "Cancel",
  );
  place.replaceChildren(bar, text, cancel);
  place.hidden = false;
  request.upload.onprogress = ({ loaded, total }) => {
    bar.value = loaded / total;
    text.textContent = percent(loaded / total);
  };
  request.upload.onload = () => (text.textContent = "Checking the file …");
}

/** Resolves with the video, rejects with the ApiError, or with null when it was cancelled. */
function post(request, api, moduleId, title, file) {
  const form = new FormData();
  // The title has to come first: the server reads the parts as they arrive.
  if (title) form.append("title", title);
  form.append("file", file);
  return new Promise((resolve, reject) => {
    request.onabort = () => reject(null);
    request.onerror = () => reject(readProblem(0, ""));
    request.onload = () =>
      request.status === 201
        ? resolve(JSON.parse(request.responseText))
        : reject(readProblem(request.status, request.responseText));
    request.open("POST", `/api/v1/modules/${encodeURIComponent(moduleId)}/videos`);
    api.authorize(request);
    request.send(form);
  });
}
