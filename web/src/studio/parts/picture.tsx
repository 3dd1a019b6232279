// The picture of a lesson, fetched with the token once it comes near the screen.

import { useEffect, useRef, useState } from "preact/hooks";
import { Icon } from "../../design/icons.tsx";
import type { Lesson } from "../service/answers.ts";
import { useStudio } from "./context.ts";

const NEAR = "300px";

interface PictureProps {
  lesson: Pick<Lesson, "thumbnails" | "updated_at">;
  size?: "small" | "medium" | "large";
  alt?: string;
}

export function Picture({ lesson, size = "small", alt = "" }: PictureProps) {
  const { api } = useStudio();
  const [address, setAddress] = useState<string>();
  const place = useRef<HTMLSpanElement>(null);
  const url = lesson.thumbnails?.[size] ?? Object.values(lesson.thumbnails ?? {})[0];
  useEffect(() => {
    if (!url || !place.current) return;
    const left = new AbortController();
    const show = async () => {
      const picture = await api.picture(url).catch(() => null); // no reason to bother anyone
      if (picture && !left.signal.aborted) setAddress(URL.createObjectURL(picture));
    };
    const observer = new IntersectionObserver(
      (entries) => {
        if (!entries.some(({ isIntersecting }) => isIntersecting)) return;
        observer.disconnect();
        void show();
      },
      { rootMargin: NEAR },
    );
    observer.observe(place.current);
    return () => {
      left.abort();
      observer.disconnect();
    };
  }, [url, lesson.updated_at]);
  useEffect(() => () => void (address && URL.revokeObjectURL(address)), [address]);
  return (
    <span class="picture" ref={place}>
      {address ? <img src={address} alt={alt} /> : <Icon name="film" />}
    </span>
  );
}
