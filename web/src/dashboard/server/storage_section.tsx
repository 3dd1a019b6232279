// The storage: how full it is, and which courses fill it.

import { Pager, usePages } from "../../design/pager.tsx";
import { ProgressBar } from "../../design/progress_bar.tsx";
import { bytes, number, percent, text } from "../../texts/texts.ts";
import { Part } from "../parts/trouble.tsx";
import { useFresh } from "../parts/use_fresh.ts";
import { STORAGE_URL, type StorageFigures } from "../service/figures.ts";
import { courseFiguresAddress } from "../service/routes.ts";

const EVERY_MS = 60_000;
const COURSES_A_PAGE = 10;

export function StorageSection() {
  const storage = useFresh<StorageFigures>(STORAGE_URL, { everyMs: EVERY_MS });
  return (
    <section aria-labelledby="storage-title">
      <h2 id="storage-title">{text("dashboard.storage.title")}</h2>
      <Part fresh={storage}>{(value) => <Storage storage={value} />}</Part>
    </section>
  );
}

function Storage({ storage }: { storage: StorageFigures }) {
  const { disk_bytes: disk, free_bytes: free, used_bytes: used, quota_bytes: quota } = storage;
  const pages = usePages(storage.courses, COURSES_A_PAGE);
  return (
    <>
      <div class="gauges">
        <Gauge
          name={text("dashboard.storage.disk")}
          said={text("dashboard.storage.freeOf", { free: bytes(free), all: bytes(disk) })}
          share={disk ? 1 - free / disk : 0}
        />
        {quota === null ? (
          <div class="card gauge">
            <h3>{text("dashboard.storage.videos")}</h3>
            <p class="number">{bytes(used)}</p>
            <p class="quiet">{text("dashboard.storage.noQuota")}</p>
          </div>
        ) : (
          <Gauge
            name={text("dashboard.storage.quota")}
            said={text("dashboard.storage.usedOf", { used: bytes(used), all: bytes(quota) })}
            share={used / quota}
          />
        )}
      </div>
      {storage.courses.length > 0 && <Courses courses={pages.shown} used={used} />}
      <Pager pages={pages} size={COURSES_A_PAGE} />
    </>
  );
}

function Gauge({ name, said, share }: { name: string; said: string; share: number }) {
  return (
    <div class="card gauge">
      <h3>{name}</h3>
      <p class="number">{said}</p>
      <ProgressBar
        value={share}
        label={text("dashboard.storage.full", { share: percent(share) })}
      />
    </div>
  );
}

interface CoursesProps {
  courses: readonly StorageFigures["courses"][number][];
  used: number;
}

function Courses({ courses, used }: CoursesProps) {
  return (
    <div class="table-frame card">
      <table class="table">
        <thead>
          <tr>
            <th scope="col">{text("dashboard.storage.course")}</th>
            <th scope="col">{text("dashboard.storage.size")}</th>
            <th scope="col">{text("dashboard.storage.share")}</th>
            <th scope="col" class="wide-only">
              {text("dashboard.videos")}
            </th>
          </tr>
        </thead>
        <tbody>
          {courses.map((course) => (
            <tr key={course.course_id}>
              <th scope="row">
                <a href={courseFiguresAddress(course.course_id)}>
                  <bdi>{course.title}</bdi>
                </a>
              </th>
              <td>{bytes(course.bytes)}</td>
              <td>{percent(used ? course.bytes / used : 0)}</td>
              <td class="wide-only">{number(course.videos)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
