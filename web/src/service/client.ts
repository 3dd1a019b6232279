// Requests to the service. Turns problem details (RFC 9457) into ApiError; never retries by itself.

const TIMEOUT_MS = 20_000;

interface ProblemFacts {
  code?: string;
  detail?: string | undefined;
  reference?: string | undefined;
  retryAfterS?: number;
}

/** An answer that is not 2xx, or none at all: then `status` is 0. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  /** The service's own words; empty where it said nothing. */
  readonly detail: string;
  /** That of the server's log; empty where the fault is not its own. */
  readonly reference: string;
  readonly retryAfterS: number;

  constructor(
    status: number,
    { code = "", detail, reference, retryAfterS = 0 }: ProblemFacts = {},
  ) {
    super(detail || (status ? `The server answered ${status}.` : "The server cannot be reached."));
    this.status = status;
    this.code = code;
    this.detail = detail ?? "";
    this.reference = status >= 500 ? (reference ?? "") : "";
    this.retryAfterS = retryAfterS;
  }

  /** True if the same request may succeed later: the network, a limit or the server's own fault. */
  get isTemporary(): boolean {
    return this.status === 0 || this.status === 408 || this.status === 429 || this.status >= 500;
  }
}

/** The ApiError for a body of problem details. */
export function readProblem(status: number, text: string, retryAfter: string | null = null) {
  let problem: Record<string, unknown> = {};
  try {
    problem = JSON.parse(text) ?? {};
  } catch {
    // A proxy's page, or no body: the status alone has to do.
  }
  const said = (value: unknown) => (typeof value === "string" ? value : undefined);
  return new ApiError(status, {
    code: String(problem.type ?? "").replace("urn:coursestream:", ""),
    detail: said(problem.detail) || said(problem.title),
    reference: said(problem.instance),
    retryAfterS: readRetryAfter(retryAfter),
  });
}

function readRetryAfter(text: string | null): number {
  if (!text) return 0;
  const seconds = /^\d+$/.test(text) ? Number(text) : (Date.parse(text) - Date.now()) / 1000;
  return Number.isFinite(seconds) ? Math.max(0, seconds) : 0;
}

export interface SendOptions {
  /** Sent as JSON, or as it is where it has a type of its own. */
  body?: unknown;
  bodyType?: string;
  headers?: Record<string, string>;
  timeoutMs?: number;
  token?: string | null;
  accept?: string;
  redirect?: RequestRedirect;
}

/**
 * The parsed JSON response, null where it has no content; a body that is no JSON (a login page on
 * the way) is an error.
 */
export async function sendJson<T>(method: string, url: string, options?: SendOptions): Promise<T> {
  const response = await send(method, url, options);
  try {
    return response.status === 204 ? (null as T) : await response.json();
  } catch (cause) {
    throw Object.assign(new ApiError(0), { cause });
  }
}

/**
 * The response to a request, with JSON and the token where given. Throws ApiError unless 2xx, or
 * a redirect that is not to be followed.
 */
export async function send(
  method: string,
  url: string,
  {
    body,
    bodyType = "application/json",
    headers: further = {},
    timeoutMs = TIMEOUT_MS,
    token,
    accept = "application/json",
    redirect = "follow",
  }: SendOptions = {},
): Promise<Response> {
  const headers: Record<string, string> = { Accept: accept, ...further };
  if (token) headers.Authorization = `Bearer ${token}`;
  if (body !== undefined) headers["Content-Type"] = bodyType;
  let response: Response;
  try {
    response = await fetch(url, {
      method,
      headers,
      ...(body !== undefined && { body: encoded(body, bodyType) }),
      signal: AbortSignal.timeout(timeoutMs),
      // Without a token the session's cookie counts, which pages of other origins never send.
      credentials: "same-origin",
      redirect,
      // Reports and lists are never worth a stale copy.
      cache: accept === "application/json" ? "no-store" : "default",
    });
  } catch (cause) {
    throw Object.assign(new ApiError(0), { cause });
  }
  if (!response.ok && response.type !== "opaqueredirect") {
    throw readProblem(response.status, await response.text(), response.headers.get("Retry-After"));
  }
  return response;
}

function encoded(body: unknown, type: string): BodyInit {
  return type === "application/json" ? JSON.stringify(body) : (body as BodyInit);
}
