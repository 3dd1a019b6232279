// <course-video>: a lecture on any page. Attributes: `server` (the origin of the service; without it
// that of this module), `video` (the id), `token`; `getToken` as a property for tokens that end.
// Methods, properties and events as <video> has them, and those of docs/integrate.md.

import { clock } from "../browser/elements.ts";
import { keepPreferences, type Preferences, readPreferences } from "../browser/preferences.ts";
import { Deck } from "../controls/deck.ts";
import type { Heat } from "../controls/heat.ts";
import { press } from "../controls/input/keyboard.ts";
import type { Action } from "../controls/messages.ts";
import type { Lesson } from "../offline/shelf.ts";
import { canKeepLessons } from "../offline/shell.ts";
import type { Playback } from "../playback/playback.ts";
import type { Rung } from "../playback/qualities.ts";
import type { Progress } from "../service/answers.ts";
import type { ApiError } from "../service/client.ts";
import { explain } from "../service/problems.ts";
import { Service } from "../service/service.ts";
import { playerText, speakAround } from "../texts/player/texts.ts";
import styles from "./player.shadow.css";
import { Session } from "./session.ts";
import { tileAt } from "./storyboard.ts";
import { Texts } from "./texts.ts";
import type { Cue } from "./webvtt.ts";

const FORWARDED = [
  ..."abort canplay canplaythrough durationchange emptied ended error loadeddata".split(" "),
  ..."loadedmetadata loadstart pause play playing progress ratechange seeked seeking".split(" "),
  ..."stalled suspend timeupdate volumechange waiting".split(" "),
];

// What a page may have set before this module was there.
const SETTABLE = [
  ..."getToken server video token videoTitle next heat currentTime volume muted playbackRate".split(
    " ",
  ),
] as (keyof CourseVideoElement)[];

const STALL_MS = 1_500;

/** Asked for a token at the start, and again with `isRefused` when one has ended. */
export type GetToken = (isRefused: boolean) => Promise<string | null> | string | null;

export interface Next {
  title: string;
  href: string;
  /** Its id, for a lesson that is to be fetched ahead. */
  video?: string;
}

export interface ProblemDetail {
  code: string;
  status: number;
  message: string;
}

/** The events beside those of <video>, by the detail that each carries. */
export interface CourseVideoEvents {
  "course-progress": Progress;
  "course-error": ProblemDetail;
  "course-ready": { duration: number | null; position: number; offlineTitle: string | null };
}

export class CourseVideoElement extends HTMLElement {
  static observedAttributes = ["server", "video", "token"];

  #video = document.createElement("video");
  #preferences = readPreferences();
  #deck: Deck;
  #texts: Texts;
  #session: Session | null = null;
  #ladder: { rungs: Rung[]; current: Rung | null } = { rungs: [], current: null };
  #chapters: readonly Cue[] = [];
  #next: Next | null = null;
  #title = "";
  #opening = 0;
  #listening: AbortController | null = null;
  #stallTimer = 0;
  #isStallShown = false;

  #getToken: GetToken | null = null;

  /** Of a page of the service itself: the user whose session's cookie stands for a token. */
  sessionUser: string | null = earlyUser(this);

  constructor() {
    super();
    const language = speakAround(this);
    const root = this.attachShadow({ mode: "open" });
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(styles);
    root.adoptedStyleSheets = [sheet];
    this.#video.playsInline = true;
    this.#video.preload = "auto";
    this.#deck = new Deck(this.#video, this.#preferences, {
      prefer: (changed) => this.#prefer(changed),
      ladder: () => ({ ...this.#ladder, sizes: this.#session?.playback?.terms.sizes ?? [] }),
      openDownloads: () => void this.#openDownloads(),
    });
    this.#texts = new Texts(this.#video, () => this.#session?.playback ?? null);
    this.#deck.commands.languages = () => this.#texts.languages;
    this.#deck.element.lang = language;
    root.append(this.#deck.element);
    this.#applyPreferences();
    for (const type of FORWARDED)
      this.#video.addEventListener(type, () => this.dispatchEvent(new Event(type)));
    this.#video.addEventListener("ended", () => this.#end());
    this.#video.addEventListener("timeupdate", () => this.#lookAhead());
    this.#video.addEventListener("waiting", () => this.#explainStallSoon());
    for (const type of ["playing", "pause", "seeking", "emptied"])
      this.#video.addEventListener(type, () => this.#endStall());
    // Who seeks while playing waits already: no further `waiting` is fired.
    this.#video.addEventListener("seeking", () => this.#explainStallSoon());
    this.#video.addEventListener("play", () => this.#deck.messages.hideCard());
    this.#video.addEventListener("seeking", () => this.#deck.messages.hideCard());
  }

  connectedCallback() {
    this.#takeEarly();
    this.#listening = new AbortController();
    const { signal } = this.#listening;
    const target = this.getAttribute("hotkeys") === "page" ? document : this;
    target.addEventListener("keydown", (event) => this.#press(event as KeyboardEvent), { signal });
    // A page that comes back from the browser's cache has said goodbye to the server.
    const back = ({ persisted }: PageTransitionEvent) => persisted && this.load();
    addEventListener("pageshow", back, { signal });
    this.#openSoon();
  }

  disconnectedCallback() {
    this.#listening?.abort();
    this.#close();
  }

  attributeChangedCallback(name: string, before: string | null, after: string | null) {
    // A token beside the one in use is for the next time that it is asked for.
    if (before !== after && (name !== "token" || this.#isWaiting)) this.#openSoon();
  }

  /** Open the video anew: as after an error, or with another `getToken`. */
  load() {
    this.#openSoon();
  }

  /** The <video> inside, for what has no name here. */
  get media(): HTMLVideoElement {
    return this.#video;
  }

  get server(): string {
    return new URL(this.getAttribute("server") ?? import.meta.url, document.baseURI).origin;
  }

  set server(origin: string) {
    this.setAttribute("server", origin);
  }

  get video(): string | null {
    return this.getAttribute("video");
  }

  set video(id: string) {
    this.setAttribute("video", id);
  }

  get token(): string | null {
    return this.getAttribute("token");
  }

  set token(token: string) {
    this.setAttribute("token", token);
  }

  /** Gives the token where it is not an attribute; asked again when the token has ended. */
  get getToken(): GetToken | null {
    return this.#getToken;
  }

  /** Set after the module is there, it opens what could not be opened without. */
  set getToken(ask: GetToken | null) {
    const isOther = ask !== this.#getToken;
    this.#getToken = ask;
    if (isOther && this.#isWaiting) this.#openSoon();
  }

  /** The title that the system shows beside its media keys. */
  get videoTitle(): string {
    return this.#title;
  }

  set videoTitle(title: string) {
    this.#title = title;
    this.#describe();
  }

  /** The lesson that is offered at the end. */
  get next(): Next | null {
    return this.#next;
  }

  set next(next: Next | null) {
    this.#next = next;
    this.#describe();
    if (this.#video.ended) this.#end();
  }

  /** How often each part was played, drawn above the timeline; null for nothing. */
  set heat(heat: Heat | null) {
    this.#deck.bar.timeline.showHeat(heat);
  }

  get chapters(): { start: number; title: string }[] {
    return this.#chapters.map(({ startS, text }) => ({ start: startS, title: text }));
  }

  play(): Promise<void> {
    return this.#video.play();
  }

  pause() {
    this.#video.pause();
  }

  get currentTime() {
    return this.#video.currentTime;
  }

  set currentTime(positionS: number) {
    this.#deck.commands.seekTo(positionS);
  }

  get duration() {
    return this.#video.duration;
  }

  get paused() {
    return this.#video.paused;
  }

  get ended() {
    return this.#video.ended;
  }

  get seeking() {
    return this.#video.seeking;
  }

  get readyState() {
    return this.#video.readyState;
  }

  get buffered() {
    return this.#video.buffered;
  }

  get played() {
    return this.#video.played;
  }

  get videoWidth() {
    return this.#video.videoWidth;
  }

  get videoHeight() {
    return this.#video.videoHeight;
  }

  get volume() {
    return this.#video.volume;
  }

  set volume(volume: number) {
    this.#deck.commands.setVolume(volume);
  }

  get muted() {
    return this.#video.muted;
  }

  set muted(isMuted: boolean) {
    this.#video.muted = isMuted;
  }

  get playbackRate() {
    return this.#video.playbackRate;
  }

  set playbackRate(rate: number) {
    this.#deck.commands.setRate(rate);
  }

  get #isWaiting() {
    return this.#session === null || this.#session.isOver;
  }

  // On an element without its class they are mere values, in the way of the accessors.
  #takeEarly() {
    const plain = this as Record<string, unknown>;
    for (const name of SETTABLE) {
      if (!Object.hasOwn(this, name)) continue;
      const value = plain[name];
      delete plain[name];
      plain[name] = value;
    }
  }

  // Several attributes set in a row are one opening.
  #openSoon() {
    this.#opening += 1;
    const opening = this.#opening;
    queueMicrotask(() => opening === this.#opening && this.isConnected && this.#open());
  }

  #open() {
    this.#close();
    const videoId = this.video;
    if (!videoId) return;
    const ask = (isRefused: boolean) => this.#askToken(isRefused);
    const service = new Service(this.server, ask, this.sessionUser);
    this.#session = new Session(service, videoId, this.#video, this.#preferences.quality, {
      opened: (playback) => this.#begin(playback),
      loaded: () => this.#arrive(),
      trouble: (isWaiting) => this.#showTrouble(isWaiting),
      failed: (error) => this.#fail(error),
      rungs: (rungs, current) => {
        this.#ladder = { rungs, current };
      },
      progress: (progress) => this.#showProgress(progress),
      waiting: (count, refused) => this.#showWaiting(count, refused),
      elsewhere: (place) => this.#offer(place),
      removed: (lessons) => this.#tellRemoved(lessons),
    });
    void this.#session.open(this.hasAttribute("autoplay"));
  }

  #close() {
    this.#session?.close();
    this.#session = null;
    this.#deck.messages.hideCard();
    this.#deck.messages.hideOffer();
    this.#deck.messages.showLine("");
  }

  #askToken(isRefused: boolean) {
    if (this.getToken) return this.getToken(isRefused);
    return this.token;
  }

  #begin(playback: Playback) {
    const { messages } = this.#deck;
    messages.hideCard();
    const { terms } = playback;
    const poster = terms.thumbnails.large ?? Object.values(terms.thumbnails)[0];
    this.#deck.showPoster(poster ? playback.url(poster) : null);
    // The button is there before what it opens: another one would move when it comes.
    const hasPanel = terms.captions.length > 0 || terms.chapters_url !== null;
    this.#deck.bar.showTexts({ hasPanel, chapters: [] });
    this.#applyPreferences();
    this.#showTrouble(false);
  }

  async #openDownloads() {
    const session = this.#session;
    if (!session?.playback) return;
    const { terms, videoId } = session.playback;
    const canKeep = canKeepLessons(this.server);
    const { DownloadsDialog } = await import("../controls/panels/downloads_dialog.ts");
    const dialog = new DownloadsDialog({
      downloads: canKeep ? await session.downloads() : null,
      page: `${this.server}/watch/${encodeURIComponent(videoId)}`,
      sizes: terms.sizes ?? [],
      wish: {
        videoId,
        title: this.#title || document.title,
        durationS: terms.duration,
        reportIntervalS: terms.report_interval,
        captions: this.#texts.languages,
        positionS: this.#video.currentTime,
      },
      chapters: () => this.#texts.chapterText(),
    });
    await dialog.show(this.#deck.element);
  }

  #tellRemoved(lessons: Lesson[]) {
    const titles = lessons.map(({ title }) => playerText("messages.title", { title })).join(", ");
    const { messages } = this.#deck;
    messages.showOffer(playerText("messages.removed", { titles }), {
      label: playerText("messages.ok"),
      run: () => messages.hideOffer(),
    });
  }

  // The texts come after the first picture: they must not make it wait.
  #arrive() {
    this.#applyPreferences();
    this.#deck.showPoster(null);
    const { duration, currentTime } = this.#video;
    const playback = this.#session?.playback;
    const offlineTitle = playback?.files ? playback.title : null;
    this.#tell("course-ready", { duration, position: currentTime, offlineTitle });
    void this.#showTexts();
    void this.#showStoryboard();
    this.#describe();
  }

  async #showTexts() {
    const { bar, panel } = this.#deck;
    const { captions } = this.#preferences;
    const languages = this.#texts.languages;
    const language = captions && languages.includes(captions) ? captions : languages[0];
    const [chapters, transcript] = await Promise.all([
      this.#texts.chapters(),
      language ? this.#texts.captions(language) : [],
    ]);
    this.#chapters = chapters;
    panel.showChapters(chapters);
    panel.showTranscript(transcript, language ?? "");
    bar.showTexts({ hasPanel: panel.hasContent, chapters });
    this.#deck.prefer(this.#preferences);
    await this.#showCaptions();
  }

  async #showCaptions() {
    const { captions } = this.#preferences;
    const isThere = captions !== null && this.#texts.languages.includes(captions);
    this.#deck.captions.follow(await this.#texts.show(isThere ? captions : null));
  }

  async #showStoryboard() {
    const { cues, base } = await this.#texts.storyboard();
    this.#deck.bar.timeline.tileAt = (positionS) =>
      cues.length ? tileAt(cues, positionS, base) : null;
  }

  #prefer(changed: Partial<Preferences>) {
    const before = this.#preferences;
    this.#preferences = keepPreferences(changed);
    this.#deck.prefer(this.#preferences);
    if (changed.quality !== undefined) {
      this.#deck.showSoundOnly(changed.quality === "listen" && this.#ladder.rungs.length > 0);
      this.#session?.choose(changed.quality);
    }
    if (changed.captions !== undefined && changed.captions !== before.captions)
      void this.#showTexts();
  }

  #applyPreferences() {
    const { rate, volume, isMuted } = this.#preferences;
    this.#video.defaultPlaybackRate = rate;
    this.#video.playbackRate = rate;
    this.#video.preservesPitch = true;
    this.#video.volume = volume;
    this.#video.muted = isMuted || this.hasAttribute("muted");
  }

  #press(event: KeyboardEvent) {
    if (event.key === "Escape" && this.#deck.bar.menu.isOpen) return this.#deck.bar.menu.close();
    if (press(event, this.#deck.commands)) this.#deck.wake();
  }

  #showProgress(progress: Progress) {
    this.#deck.bar.timeline.showWatched(progress.watched);
    this.#tell("course-progress", progress);
  }

  #showTrouble(isWaiting: boolean) {
    const isKept = this.#session?.playback?.files;
    const said = isKept ? playerText("messages.kept") : "";
    this.#showLine(isWaiting ? playerText("messages.lost") : said);
  }

  #showWaiting(count: number, refused: ApiError | null) {
    if (!count) return this.#showLine("");
    const path = refused?.status === 401 ? "messages.signedOut" : "messages.unsaved";
    this.#showLine(playerText(path));
  }

  // That there is nothing else to say leaves the sentence of a stall until it ends.
  #showLine(text: string) {
    if (!text && this.#isStallShown) return;
    this.#isStallShown = false;
    this.#deck.messages.showLine(text);
  }

  #offer(place: { positionS: number; hasStopped: boolean } | null) {
    const { messages } = this.#deck;
    if (!place) return messages.hideOffer();
    const at = { time: clock(place.positionS) };
    const path = place.hasStopped ? "messages.leftOff" : "messages.elsewhere";
    messages.showOffer(playerText(path, at), {
      label: playerText("messages.continueFrom", at),
      run: () => {
        messages.hideOffer();
        this.#session?.seek(place.positionS);
      },
    });
  }

  #fail(error: ApiError) {
    const { sentence, advice, wayOut } = explain(error);
    const again: Action = { label: playerText("messages.tryAgain"), run: () => this.load() };
    const signIn: Action = { label: playerText("messages.signIn"), run: () => this.load() };
    const actions =
      wayOut === "retry" ? [again] : wayOut === "sign-in" && this.getToken ? [signIn] : [];
    const isPreparing = error.code === "not-ready";
    this.#deck.messages.showLine("");
    this.#deck.messages.showCard(sentence, advice, actions, !isPreparing);
    this.#tell("course-error", { code: error.code, status: error.status, message: sentence });
  }

  #end() {
    if (!this.#next) return;
    const { title, href } = this.#next;
    this.#deck.messages.showCard(playerText("messages.next"), title, [
      { label: playerText("messages.goOn"), href },
      { label: playerText("messages.watchAgain"), run: () => void this.#video.play() },
    ]);
  }

  #lookAhead() {
    if (this.#next?.video) this.#session?.lookAhead(this.#next.video);
  }

  // A short wait is nothing to read about.
  #explainStallSoon() {
    clearTimeout(this.#stallTimer);
    this.#stallTimer = setTimeout(() => {
      const sentence = this.#session?.stall;
      if (!sentence || this.#deck.messages.hasLine) return;
      this.#isStallShown = true;
      this.#deck.messages.showLine(sentence);
    }, STALL_MS);
  }

  #endStall() {
    clearTimeout(this.#stallTimer);
    if (this.#isStallShown) this.#deck.messages.showLine("");
    this.#isStallShown = false;
  }

  #describe() {
    const { playback } = this.#session ?? {};
    const artwork = playback?.terms.thumbnails.large;
    const { next } = this;
    this.#deck.mediaKeys.show({
      title: this.#title || document.title,
      artwork: playback && artwork ? playback.url(artwork) : null,
      next: next && (() => location.assign(next.href)),
    });
  }

  #tell<Name extends keyof CourseVideoEvents>(name: Name, detail: CourseVideoEvents[Name]) {
    this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }));
  }
}

if (!customElements.get("course-video")) customElements.define("course-video", CourseVideoElement);

/** The user that a page has named before the element had its class. */
function earlyUser(element: CourseVideoElement): string | null {
  return Object.hasOwn(element, "sessionUser") ? element.sessionUser : null;
}
