// One picture of a storyboard, cut out of its sheet.

import { Icon } from "../../design/icons.tsx";
import type { Picture } from "./storyboard.ts";

interface FrameProps {
  picture: Picture | null;
  width: number;
}

export function Frame({ picture, width }: FrameProps) {
  const height = picture ? (picture.height / picture.width) * width : (width * 9) / 16;
  const size = { width: `${width}px`, height: `${height}px` };
  if (!picture)
    return (
      <span class="frame frame--none" style={size}>
        <Icon name="film" />
      </span>
    );
  const scale = width / picture.width;
  const transform = `scale(${scale}) translate(${-picture.x}px, ${-picture.y}px)`;
  return (
    <span class="frame" style={size}>
      <img src={picture.url} alt="" style={{ transform, transformOrigin: "0 0" }} />
    </span>
  );
}
