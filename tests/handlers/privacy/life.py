"""A person who leaves something in every table."""

from pathlib import Path
from typing import Any

from handlers import keys
from tests.handlers.conftest import furnish
from tests.handlers.support.watching import report

WHO = "person-to-forget"
TUS = {"Tus-Resumable": "1.0.0", "Upload-Length": "1000"}


async def lead_a_life(service: Any, mp4: Path) -> dict[str, Any]:
    """A person who teaches one course and studies another leaves something in every table."""
    await furnish(service)
    await service.put("courses/c2", {"title": "Two"})
    await service.put("courses/c2/modules/m2", {"title": "M", "position": 1})
    await service.put(f"courses/c1/enrollments/{WHO}", {"role": "student"})
    await service.put(f"courses/c2/enrollments/{WHO}", {"role": "instructor"})
    hook = {"url": "https://hooks.invalid/", "types": ["video.updated", "enrollment.changed"]}
    await service.put("webhooks/w1", hook)
    film = await service.ready_video(mp4)
    playback = (await service.ask(WHO, "POST", f"videos/{film['id']}/playback")).json
    path = f"/play/{playback['grant']}/{film['id']}"
    said = report(
        session_id=playback["session_id"], watched=[[0, 1]], position=1, quality={"stalls": 1}
    )
    assert (await service.ask(None, "POST", f"{path}/progress", said)).said == "200"
    name = report(session_id="named", watched=[[0, 1]])
    assert (await service.ask(WHO, "POST", f"videos/{film['id']}/playback", {})).said == "201"
    assert (await service.ask(WHO, "PUT", f"videos/{film['id']}/progress", name)).said == "200"
    assert (await service.ask(None, "GET", playback["stream_url"])).status == 200
    told = f"{playback['stream_url']}?CMCD=sid%3D%22x%22"
    assert (await service.ask(None, "GET", told)).status == 200
    await service.app[keys.CMCD_SESSIONS].store(service.app[keys.DATABASE])
    lecture = await service.video_row("m2", "c2", "ready")
    await service.execute(f"UPDATE videos SET uploaded_by = '{WHO}' WHERE id = '{lecture}'")
    await service.execute(
        "INSERT INTO replacements (video_id, id, original_filename, source_format, facts,"
        " original_size_bytes, uploaded_by)"
        f" VALUES ('{lecture}', '{lecture}', 'b.mp4', 'mp4', '{{}}', 1, '{WHO}')"
    )
    assert (await service.ask("root", "PATCH", f"videos/{lecture}", {"title": "New"})).status == 200
    metadata = "module_id bTI=,filename YS5tcDQ="
    opened = await service.ask(WHO, "POST", "uploads", headers={**TUS, "Upload-Metadata": metadata})
    assert opened.status == 201
    await service.execute(
        f"INSERT INTO playback_session_names VALUES ('{WHO}', '{film['id']}', 'x')"
    )
    await service.execute(
        "INSERT INTO webhook_deliveries (webhook_id, event_id, type, video_id, course_id, user_id,"
        " occurred_at, payload) SELECT 'w1', id, type, video_id, course_id, user_id, occurred_at,"
        " payload FROM event_log ON CONFLICT DO NOTHING"
    )
    await service.execute(
        "CREATE TABLE event_log_packed_2026010100 PARTITION OF event_log_packed"
        " FOR VALUES FROM ('2026-01-01 00:00+00') TO ('2026-01-01 01:00+00')"
    )
    await service.execute(
        "INSERT INTO event_log_packed SELECT '2026-01-01 00:00+00', min(id), max(id), video_id,"
        " course_id, user_id,"
        " array_agg(ROW(id, recorded_at, occurred_at, payload)::packed_event ORDER BY id)"
        " FROM event_log WHERE type = 'playback.progress' GROUP BY video_id, course_id, user_id"
    )
    await service.execute("DELETE FROM event_log WHERE type = 'playback.progress'")
    assert (await service.ask("root", "GET", "analytics/courses/c1")).json["viewers"] == 1
    return {"film": film, "lecture": lecture, "path": path, "playback": playback}
