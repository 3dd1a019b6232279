// Content of a course and one viewer's progress in it, updated by events. Draws nothing.

const VIDEO_CHANGES = new Set([
  "video.uploaded",
  "video.processing",
  "video.ready",
  "video.failed",
  "video.updated",
]);

export class Outline {
  #viewerId;
  #progressOfRemoved = new Map();
  title;
  role;
  modules;

  /** `course` is what the server answers. */
  constructor({ title, role, modules }, viewerId) {
    this.#viewerId = viewerId;
    this.title = title;
    this.role = role;
    this.modules = [...modules].sort((a, b) => a.position - b.position);
  }

  get videos() {
    return this.modules.flatMap((module) => module.videos);
  }

  find(videoId) {
    return this.videos.find(({ id }) => id === videoId);
  }

  /** True if the event is about a video in a module made since the server answered. */
  lacksModuleOf({ module_id: moduleId }) {
    return moduleId !== undefined && !this.modules.some(({ id }) => id === moduleId);
  }

  /** Take in an event of the course; the module that it changed, or null. */
  apply(type, event) {
    if (VIDEO_CHANGES.has(type)) return this.put({ ...event, id: event.video_id });
    if (type === "video.deleted") return this.#remove(event.video_id);
    if (type.startsWith("playback.") && event.user_id === this.#viewerId)
      return this.#advance(type, event);
    return null;
  }

  /** Add a video, or change what is known about it; the module it is in, null when unknown. */
  put(change) {
    const known = this.find(change.id);
    const moduleId = known?.module_id ?? change.module_id;
    const module = this.modules.find(({ id }) => id === moduleId);
    if (!module) return null;
    if (known) Object.assign(known, change);
    else
      module.videos.push({ progress: this.#progressOfRemoved.get(change.id) ?? null, ...change });
    // A restored video goes back to its place.
    module.videos.sort((a, b) => Date.parse(a.created_at) - Date.parse(b.created_at));
    return module;
  }

  #advance(type, event) {
    const { progress } = this.find(event.video_id) ?? {};
    return this.put({
      id: event.video_id,
      progress: {
        ...progress,
        position: event.position,
        watched_ratio: event.watched_ratio,
        completed: progress?.completed || type === "playback.completed",
      },
    });
  }

  #remove(videoId) {
    const video = this.find(videoId);
    const module = this.modules.find(({ id }) => id === video?.module_id);
    if (!module) return null;
    this.#progressOfRemoved.set(videoId, video.progress);
    module.videos = module.videos.filter(({ id }) => id !== videoId);
    return module;
  }
}
