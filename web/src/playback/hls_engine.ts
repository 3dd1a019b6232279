// The ladder played by hls.js: rungs, choice of quality, and addresses that follow a renewed grant.
// Loaded only when a video has a ladder.

import Hls, {
  CapLevelController,
  type ErrorData,
  type FragBufferedData,
  type HlsConfig,
  type Level,
} from "hls.js";
import { localLoader } from "../offline/local_loader.ts";
import { ApiError } from "../service/client.ts";
import { telling } from "./cmcd.ts";
import type { Engine, EngineHooks, Line } from "./engine.ts";
import { LineRecovery } from "./line_recovery.ts";
import type { Playback } from "./playback.ts";
import { fixedRung, highestRung, type QualityChoice, type Rung } from "./qualities.ts";

const CONFIG: Partial<HlsConfig> = {
  // The segments are fragmented MP4: there is nothing to convert, and a worker made of a blob is
  // more than the pages' policy allows.
  enableWorker: false,
  capLevelToPlayerSize: true,
  // Else it would fetch 60 MB ahead, of slides the whole lesson. A minute lasts through a tunnel.
  maxBufferLength: 30,
  maxMaxBufferLength: 60,
  backBufferLength: 60,
  // The first piece shown is the first one fetched: none goes ahead to measure the line.
  testBandwidth: false,
  startFragPrefetch: true,
  // A first guess of the line, in bits a second; better than the lowest rung on every first visit.
  abrEwmaDefaultEstimate: 3_000_000,
  // Captions are tracks of the element's own.
  renderTextTracksNatively: false,
  enableWebVTT: false,
};

export class HlsEngine implements Engine {
  #hls: Hls;
  #hooks: EngineHooks;
  #baseUrl: string;
  #firstBaseUrl: string;
  #choice: QualityChoice;
  #soundUrl: string | null = null;
  #hasRecovered = false;
  #status = 0;
  #recovery = new LineRecovery();

  constructor(
    video: HTMLVideoElement,
    playback: Playback,
    url: string,
    positionS: number,
    choice: QualityChoice,
    hooks: EngineHooks,
  ) {
    this.#hooks = hooks;
    this.#choice = choice;
    this.#baseUrl = this.#firstBaseUrl = directoryOf(url);
    this.#hls = new Hls({
      ...CONFIG,
      ...(playback.files ? { loader: localLoader(playback.files) } : told(playback, url, video)),
      capLevelController: cappedBy(() => highestRung(this.#choice, this.rungs)),
      startPosition: positionS,
      xhrSetup: (xhr, asked) => xhr.open("GET", this.#current(asked), true),
    });
    this.#hls.on(Hls.Events.MANIFEST_PARSED, () => this.#begin());
    this.#hls.on(Hls.Events.LEVEL_SWITCHED, () => hooks.switched(this.#rung));
    this.#hls.on(Hls.Events.FRAG_LOADED, () => {
      this.#status = 0;
    });
    this.#hls.on(Hls.Events.FRAG_BUFFERED, (_, data) => this.#weigh(data));
    this.#hls.on(Hls.Events.ERROR, (_, data) => this.#fail(data));
    this.#hls.attachMedia(video);
    this.#hls.loadSource(url);
  }

  get rungs(): Rung[] {
    return this.#soundUrl ? [] : this.#hls.levels.map(toRung);
  }

  get line(): Line {
    return { bits: this.#hls.bandwidthEstimate || null, status: this.#status };
  }

  /** Go on by a new grant: what is buffered stays. */
  follow(url: string) {
    this.#baseUrl = directoryOf(url);
    this.#hls.startLoad();
  }

  choose(choice: QualityChoice) {
    const wasSound = this.#choice === "listen";
    this.#choice = choice;
    if (wasSound !== (choice === "listen")) return false;
    this.#apply();
    return true;
  }

  close() {
    this.#hls.destroy();
  }

  get #rung(): Rung | null {
    const level = this.#hls.levels[this.#hls.currentLevel];
    return level ? toRung(level) : null;
  }

  // Playlists name their files relative to themselves, so by the grant that they came by.
  #current(asked: string): string {
    if (!asked.startsWith(this.#firstBaseUrl)) return asked;
    return this.#baseUrl + asked.slice(this.#firstBaseUrl.length);
  }

  #begin() {
    const sound = this.#hls.allAudioTracks.find(({ url }) => url);
    if (this.#choice === "listen" && sound && !this.#soundUrl) {
      this.#soundUrl = sound.url;
      this.#hls.loadSource(sound.url);
      return;
    }
    this.#apply();
    this.#hooks.ready();
  }

  #apply() {
    this.#hls.autoLevelCapping = highestRung(this.#choice, this.rungs);
    this.#hls.nextLevel = fixedRung(this.#choice, this.rungs);
  }

  #weigh({ frag, stats: { loaded, loading } }: FragBufferedData) {
    if (frag.type !== "main" || frag.sn === "initSegment") return;
    const load = { bits: 8 * loaded, seconds: (loading.end - loading.start) / 1000 };
    const estimate = this.#recovery.judge(load, this.#hls.bandwidthEstimate);
    if (estimate !== null) this.#hls.bandwidthEstimate = estimate;
  }

  #fail({ fatal, type, details, response }: ErrorData) {
    const status = response?.code ?? 0;
    this.#status = status >= 400 ? status : this.#status;
    // Refused by the grant: without it every other request fails as well.
    if (type === Hls.ErrorTypes.NETWORK_ERROR && (status === 401 || status === 403)) {
      this.#hls.stopLoad();
      return this.#hooks.failed(new ApiError(status));
    }
    if (!fatal) return;
    if (type === Hls.ErrorTypes.MEDIA_ERROR && !this.#hasRecovered) {
      this.#hasRecovered = true;
      return this.#hls.recoverMediaError();
    }
    const isNetwork = type === Hls.ErrorTypes.NETWORK_ERROR;
    this.#hooks.failed(isNetwork ? new ApiError(status) : new ApiError(415, { detail: details }));
  }
}

function told(playback: Playback, url: string, video: HTMLVideoElement) {
  const origins = {
    media: new URL(url).origin,
    service: playback.server,
    page: location.origin,
  };
  return telling(playback, origins, () => video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA);
}

/** The cap by the size of the picture, which hls.js sets anew with each size, below one of ours. */
function cappedBy(highest: () => number) {
  return class extends CapLevelController {
    override getMaxLevel(capLevelIndex: number): number {
      const [bySize, byChoice] = [super.getMaxLevel(capLevelIndex), highest()];
      return byChoice < 0 ? bySize : Math.min(bySize, byChoice);
    }
  };
}

function toRung({ width, height, bitrate }: Level): Rung {
  return { height: Math.min(width || height, height), bitrate };
}

function directoryOf(url: string): string {
  return url.slice(0, url.lastIndexOf("/") + 1);
}
