// What hls.js says of itself with its requests (CMCD version 1, CTA-5004): the session, the object,
// the buffer. In header fields and never in the query, which is part of an address and so of keys of
// caches and of signatures. An edge is told nothing: it has no use for it, and need not let it pass.

import Hls, {
  type HlsConfig,
  type LoaderCallbacks,
  type LoaderConfiguration,
  type LoaderContext,
} from "hls.js";

export interface Told {
  sessionId: string;
  videoId: string;
}

/** Where the files are, whose service it is, and which origin the page has. */
export interface Origins {
  media: string;
  service: string;
  page: string;
}

/**
 * The configuration of hls.js by which it tells them. Another origin is asked for its permission
 * before each file that fields go with, which the first picture does not wait for: until `hasBegun`
 * they are left out there.
 */
export function telling(
  { sessionId, videoId }: Told,
  { media, service, page }: Origins,
  hasBegun: () => boolean,
): Partial<HlsConfig> {
  if (media !== service) return {};
  return {
    cmcd: { sessionId, contentId: videoId, useHeaders: true },
    ...(media !== page && { loader: tellingLater(hasBegun) }),
  };
}

function tellingLater(hasBegun: () => boolean) {
  return class extends Hls.DefaultConfig.loader {
    override load(
      context: LoaderContext,
      config: LoaderConfiguration,
      callbacks: LoaderCallbacks<LoaderContext>,
    ) {
      if (!hasBegun()) context.headers = withoutFields(context.headers);
      super.load(context, config, callbacks);
    }
  };
}

/** Headers without those of CMCD. */
export function withoutFields(headers: Record<string, string> = {}): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) => !name.toLowerCase().startsWith("cmcd-")),
  );
}
