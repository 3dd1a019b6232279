// A kept lesson as a playback: its files are on this device, its session is the licence's, and its
// reports go to the service whenever that can be reached again.

import { browserStore, readJson, writeJson } from "../browser/stores.ts";
import { claim } from "../playback/ownership.ts";
import { type KeptSession, type LocalFiles, Playback } from "../playback/playback.ts";
import type { Progress, Report, Terms } from "../service/answers.ts";
import { ApiError } from "../service/client.ts";
import type { Service } from "../service/service.ts";
import { type Claims, isCurrent, verifyLicence } from "./licence.ts";
import { masterPlaylist } from "./playlists.ts";
import { isComplete, type Lesson, listLessons, readPieces } from "./shelf.ts";

const MASTER = "master.m3u8";
const CHAPTERS = "chapters";

interface Place {
  positionS: number;
  atMs: number;
}

export class LocalPlayback extends Playback {
  #service: Service;
  override readonly files: LocalFiles;
  override readonly title: string;

  constructor(service: Service, lesson: Lesson, files: LocalFiles, terms: Terms, sequence: number) {
    const refuse = () => Promise.reject(new ApiError(403, { code: "licence-refused" }));
    const source = { server: service.server, openPlayback: refuse };
    super(source, lesson, terms, sequence, (kept) => keepPlace(terms.session_id, kept));
    this.#service = service;
    this.files = files;
    this.title = lesson.title;
  }

  /** There is no address that would take a report without the bearer token. */
  override get reportUrl() {
    return null;
  }

  /** The session of a licence ends with the page: online, each page has one of its own. */
  override get kept() {
    return null;
  }

  override report(report: Report): Promise<Progress> {
    return this.#service.report(this.videoId, report);
  }

  override async text(name: string): Promise<string> {
    return (await this.files.get(name)?.text()) ?? "";
  }
}

/**
 * The kept lesson of a viewer, or of whoever kept it where nobody is signed in; null when there is
 * none that is complete. Throws ApiError when its licence has ended.
 */
export async function openKept(
  service: Service,
  videoId: string,
  userId: string,
): Promise<LocalPlayback | null> {
  const all = await listLessons(userId || undefined);
  const lesson = all.find((one) => one.videoId === videoId && isComplete(one));
  if (!lesson) return null;
  const claims = await verifyLicence(lesson.licence, lesson.keys);
  if (!claims || !isCurrent(claims) || claims.sub !== lesson.userId)
    throw new ApiError(403, { code: "licence-refused" });
  return play(service, lesson, claims);
}

async function play(service: Service, lesson: Lesson, claims: Claims): Promise<LocalPlayback> {
  const files = await readFiles(lesson, claims);
  const place = readPlace(claims.session_id, lesson.place);
  // Two tabs of one session would use the same sequence numbers.
  const isMine = await claim(claims.session_id);
  const sessionId = isMine ? claims.session_id : crypto.randomUUID();
  const terms = termsOf(lesson, claims, files, { sessionId, positionS: place.positionS });
  // Rising over restarts without being kept: milliseconds.
  return new LocalPlayback(service, lesson, files, terms, Date.now());
}

async function readFiles(lesson: Lesson, { files }: Claims): Promise<Map<string, Blob>> {
  const found = new Map<string, Blob>();
  for (const { name, type } of files) {
    const pieces = await readPieces(lesson, name);
    // Pieces stay on the disk: what is read of this is read from there.
    found.set(
      name,
      new Blob(
        pieces.map(({ blob }) => blob),
        { type },
      ),
    );
  }
  const master = masterPlaylist(files);
  if (master) found.set(MASTER, new Blob([master]));
  if (lesson.chapters) found.set(CHAPTERS, new Blob([lesson.chapters]));
  return found;
}

function termsOf(
  lesson: Lesson,
  claims: Claims,
  files: ReadonlyMap<string, Blob>,
  { sessionId, positionS }: { sessionId: string; positionS: number },
): Terms {
  const address = (name: string | null) => {
    const blob = name ? files.get(name) : undefined;
    return blob ? URL.createObjectURL(blob) : null;
  };
  const poster = address(claims.poster);
  const media = claims.files.find(({ type }) => /^(video|audio)\//.test(type));
  const file = files.has(MASTER) ? null : address(media?.name ?? null);
  return {
    grant: "",
    expires_at: new Date(claims.exp * 1000).toISOString(),
    session_id: sessionId,
    next_sequence: 0,
    stream_url: file ?? "",
    sources: file && media ? [{ url: file, type: media.type }] : [],
    hls_url: files.has(MASTER) ? `/offline/${MASTER}` : null,
    thumbnails: poster ? { large: poster } : {},
    captions: claims.captions.map((language) => ({ language, url: `captions/${language}` })),
    chapters_url: lesson.chapters ? CHAPTERS : null,
    storyboard_url: null,
    events_url: "",
    resume_position: positionS,
    duration: lesson.durationS,
    completed: false,
    report_interval: lesson.reportIntervalS,
  };
}

const placeKey = (sessionId: string) => `coursestream.offline/${sessionId}`;

function keepPlace(sessionId: string, { position }: KeptSession) {
  if (position === undefined) return;
  writeJson(browserStore, placeKey(sessionId), { positionS: position, atMs: Date.now() });
}

/** The newer of the places: where playing was here, and what the service said at the last contact. */
function readPlace(sessionId: string, known: Place): Place {
  const here = readJson(browserStore, placeKey(sessionId)) as Place | null;
  return here && here.atMs > known.atMs ? here : known;
}
