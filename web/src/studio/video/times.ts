// Times of cues, as people type and read them. Pure.

const TIME = /^(?:(?:(\d{1,3}):)?(\d{1,3}):)?(\d{1,5}(?:[.,]\d{1,3})?)$/;

/** "1:02.5", "62.5", "00:01:02,500" -> 62.5; null for anything else. */
export function parseTime(text: string): number | null {
  const match = TIME.exec(text.trim());
  if (!match) return null;
  const [, hours = "0", minutes = "0", seconds = "0"] = match;
  const rest = Number(seconds.replace(",", "."));
  return milliseconds(Number(hours) * 3600 + Number(minutes) * 60 + rest);
}

/** 62.5 -> "1:02.500", 3662 -> "1:01:02.000". */
export function formatTime(seconds: number): string {
  const whole = Math.round(Math.max(0, seconds) * 1000);
  const hours = Math.floor(whole / 3_600_000);
  const minutes = Math.floor(whole / 60_000) % 60;
  const rest = ((whole % 60_000) / 1000).toFixed(3).padStart(6, "0");
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}

/** As WebVTT has it: 62.5 -> "00:01:02.500". */
export function vttTime(seconds: number): string {
  const [rest = "", minutes = "0", hours = "0"] = formatTime(seconds).split(":").reverse();
  return `${hours.padStart(2, "0")}:${minutes.padStart(2, "0")}:${rest}`;
}

function milliseconds(seconds: number): number {
  return Math.round(seconds * 1000) / 1000;
}
