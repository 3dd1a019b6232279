// The loader of hls.js for a kept lesson: files on this device instead of requests.

import type {
  Loader,
  LoaderCallbacks,
  LoaderConfiguration,
  LoaderContext,
  LoaderStats,
} from "hls.js";
import type { LocalFiles } from "../playback/playback.ts";

/** A loader class that reads these files, by the last part of an address. */
export function localLoader(files: LocalFiles): new () => Loader<LoaderContext> {
  return class LocalLoader implements Loader<LoaderContext> {
    context: LoaderContext | null = null;
    stats = freshStats();

    load(
      context: LoaderContext,
      _: LoaderConfiguration,
      callbacks: LoaderCallbacks<LoaderContext>,
    ) {
      this.context = context;
      this.stats.loading.start = performance.now();
      this.#read(context).then(
        (data) => this.#finish(context, data, callbacks),
        (error: unknown) =>
          this.stats.aborted ||
          callbacks.onError({ code: 404, text: String(error) }, context, null, this.stats),
      );
    }

    abort() {
      this.stats.aborted = true;
    }

    destroy() {
      this.abort();
    }

    async #read({ url, responseType, rangeStart = 0, rangeEnd }: LoaderContext) {
      const name = decodeURIComponent(new URL(url).pathname.split("/").at(-1) ?? "");
      const file = files.get(name);
      if (!file) throw new Error(`${name} is not kept`);
      const part = file.slice(rangeStart, rangeEnd || file.size);
      return responseType === "arraybuffer" ? part.arrayBuffer() : part.text();
    }

    #finish(
      context: LoaderContext,
      data: string | ArrayBuffer,
      callbacks: LoaderCallbacks<LoaderContext>,
    ) {
      if (this.stats.aborted) return;
      const { stats } = this;
      const size = typeof data === "string" ? data.length : data.byteLength;
      stats.loaded = stats.total = size;
      stats.loading.first = stats.loading.end = Math.max(
        performance.now(),
        stats.loading.start + 1,
      );
      callbacks.onSuccess({ url: context.url, data, code: 200 }, stats, context, null);
    }
  };
}

function freshStats(): LoaderStats {
  return {
    aborted: false,
    loaded: 0,
    retry: 0,
    total: 0,
    chunkCount: 0,
    bwEstimate: 0,
    loading: { start: 0, first: 0, end: 0 },
    parsing: { start: 0, end: 0 },
    buffering: { start: 0, first: 0, end: 0 },
  };
}
