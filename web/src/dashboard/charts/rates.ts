// Rates from counters that rise, kept for the last minutes. Pure.

export interface Sample {
  atMs: number;
  bytes: number;
  reports: number;
}

export interface Rate {
  atMs: number;
  bytesPerS: number;
  reportsPerS: number;
}

export const MOST_RATES = 121; // ten minutes, five seconds apart

/** The samples with one more, the oldest left out. */
export function withSample(samples: readonly Sample[], sample: Sample): Sample[] {
  return [...samples, sample].slice(-MOST_RATES);
}

/** Between two samples each; a counter that fell has begun anew with its process. */
export function ratesOf(samples: readonly Sample[]): Rate[] {
  return samples.slice(1).map((sample, index) => {
    const before = samples[index] as Sample;
    const seconds = Math.max(0.001, (sample.atMs - before.atMs) / 1000);
    return {
      atMs: sample.atMs,
      bytesPerS: Math.max(0, sample.bytes - before.bytes) / seconds,
      reportsPerS: Math.max(0, sample.reports - before.reports) / seconds,
    };
  });
}
