"""A call of each function of db/ that runs a statement, as the service would make it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import UUID, uuid4

from db import (
    course_outlines,
    courses,
    document_keys,
    enrollments,
    jobs,
    playing_terms,
    positions,
    space,
)
from db.delivery import deliveries, watched_videos, webhooks
from db.insight import (
    changes,
    cmcd,
    figures,
    moments,
    problems,
    quality,
    quality_sums,
    rollups,
    session_search,
    storage_shares,
    storage_totals,
    students,
)
from db.insight import recount as viewing_recount
from db.insight.changes import Conditions, QualityFigures, ViewingChange
from db.insight.cmcd import CmcdKey
from db.insight.figures import Period
from db.insight.quality import NumberedQuality, QualityKey
from db.insight.quality_sums import CourseDay
from db.insight.recount import Upkeep
from db.insight.rollups import Curve, Day
from db.insight.session_search import Searcher
from db.log import event_log, packing, partitions, resumption, timelines
from db.log.event_log import EventFilter, NewEvent
from db.media import assets, differences, file_pieces, ladders, rungs, steps, text_tracks
from db.media.assets import RepresentationRow, StoryboardRow, ThumbnailRow
from db.media.ladders import PieceRow
from db.media.rungs import LadderFile, MadeRung, RungRow
from db.media.steps import StepCounts
from db.media.text_tracks import TrackName
from db.playing_terms import Viewing
from db.pool import Transaction
from db.postgres import server_state
from db.privacy import erasures, people, personal_rows
from db.processes import clock, periodic_turns, web_processes
from db.progress import (
    evidence,
    progress,
    recount,
    report_batch,
    session_names,
    sessions,
    silence,
)
from db.progress.report_batch import (
    CappedChange,
    LateChange,
    Moment,
    ProgressChange,
    SessionChange,
    SessionKey,
)
from db.takeover import announcements, imports, references, taken_modules, viewer_positions
from db.takeover.announcements import Announcement
from db.takeover.viewer_positions import ViewerPosition
from db.upkeep import (
    bytes_served,
    file_rows,
    operating_figures,
    replaced_files,
    storage_identity,
    trash,
    trash_clock,
)
from db.upkeep.bytes_served import Account
from db.uploads import upload_holders, uploads
from db.uploads.uploads import NewUpload, Upload
from db.videos import processing, replacements, videos
from db.videos.replacements import NewReplacement, Replacement
from db.videos.video import MediaFacts, NewVideo, ReceivedFile
from events.progress.measures import SessionMeasures
from tests.db.plans.seed import EVENTS, SCALE, SEEN, SEEN_OF_OTHER, STUDENTS, video_id

PLAYBACK_TYPES = ["playback.started", "playback.progress", "playback.completed", "playback.stopped"]
STUDENT_TYPES = ["video.ready", "video.updated", "video.deleted"]


@dataclass(frozen=True, slots=True)
class Call:
    """`most_rows` is what it may read where that is more than others may; `reason` says why.

    `page_rows` is what it may read where that is less, however many there are.
    `before` is a call that it needs to have been made.
    """

    function: Callable[..., Awaitable[object]]
    arguments: tuple[Any, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""
    most_rows: int = 0
    reason: str = ""
    page_rows: int = 0
    before: "Call | None" = None

    @property
    def title(self) -> str:
        module = self.function.__module__.removeprefix("db.")
        return f"{module}.{self.function.__name__}{self.name and f' {self.name}'}"


async def end_most(transaction: Transaction) -> None:
    """Most sessions end; the planner's statistics are of the time before."""
    await transaction.execute(
        "UPDATE playback_sessions SET state = 'stopped', stopped_at = now()"
        f" WHERE state <> 'stopped' AND {silence.SLICE} < 250"
    )
    await transaction.execute("UPDATE silence_slices SET playing = 0")


def call(function: Callable[..., Awaitable[object]], *arguments: Any, **options: Any) -> Call:
    return Call(function, arguments, options)


NOW = datetime.now(UTC)
BEGINNING = datetime.min.replace(tzinfo=UTC)
NO_ID = UUID(int=0)
V = video_id(7)
NEW = UUID(int=2**100)
SHA256 = "0" * 64
HOUR = NOW.replace(minute=0, second=0, microsecond=0)
KEY = SessionKey("u7", V, "s7")
FACTS = MediaFacts(3000, 1920, 1080, 25, 0, "mp4", "h264", "aac", "video/mp4", is_playable=True)
NEW_FILE = ReceivedFile("b.mp4", "mp4", FACTS, 10, "teacher0")
NEW_FILM = NewReplacement(NEW, V, "c0", NEW_FILE)
SERVED = RepresentationRow("mp4", "source-2.mp4", "video/mp4", 10, SHA256, is_primary=True)
FILM = Replacement(NEW, V, "b.mp4", "mp4", FACTS, 10, None, "teacher0", SERVED)
OPEN_UPLOAD = Upload(
    video_id(12_499), "teacher249", "c249", "c249m4", "Lecture", "a.mp4", "", 600_000_000,
    1, 0, 0, (0,), None, NOW, NOW, is_gone=False,
)  # fmt: skip
RUNG = RungRow("720p", "video", "ready", height=720, width=1280, bitrate=10, codecs="avc1")
FILE = LadderFile("720p.mp4", "rung", 10, SHA256)
PLACE = ViewerPosition("u7", "c0", V, 10, NOW, 10, None)
MODULE = Announcement(
    module_id="c0m1",
    course_id="c0",
    title="Module",
    position=1,
    video_url="https://host/1",
    bucket="lectures",
    key="term/1",
    etag='"e"',
    size_bytes=10,
    endpoint_url=None,
    region=None,
    filename="a.mp4",
    uploaded_by="import-s3",
)
STUDENT = EventFilter(
    "u7", False, [], ["c0", "c8"], STUDENT_TYPES, PLAYBACK_TYPES, "enrollment.changed"
)
TEACHER = replace(STUDENT, user_id="teacher0", instructor_course_ids=["c0"], student_course_ids=[])
ADMIN = replace(STUDENT, user_id="root", is_privileged=True, student_course_ids=[])
HOURLY = "by one process, once an hour"
VIEWERS = 6_500
ALL_VIEWERS = "all viewers of one video, when its film changes or `check --deep` recounts it"
BY_COMMAND = "by the operator, while lectures are taken over"
BY_CHECK = "the rows of all files, by the operator, with `check --deep`"
MOST_EVENTS = 10_001  # events.stream: more than these are a reset
OLDEST_RESUMED = max(0, EVENTS - 1_900_000)
"""A student of `c0` may see one event of 200: after this one nearly as many as are no reset."""


PREPARED = call(event_log.prepare_tail)

_LOG = (
    call(event_log.append, [NewEvent("video.updated", V, "c0", "u7", NOW, {})]),
    call(event_log.append_and_commit, [NewEvent("video.updated", V, "c0", "u7", NOW, {})]),
    PREPARED,
    replace(call(event_log.read_tail, EVENTS - 100, 1000), before=PREPARED),
    call(event_log.read_dropped),
    call(event_log.read_bounds),
    call(resumption.read_gaps, EVENTS - 100),
    call(event_log.list_roles, [f"u{number}" for number in range(500)]),
    *(
        Call(
            function,
            (shown, after, EVENTS, limit),
            {"with_packed": is_packed},
            name + more,
            most_rows=2_500 if name in ("student", "teacher") else 0,
            reason="in the order of the log, where a page of it or a fifth is seen",
        )
        for is_packed, more in ((False, ""), (True, ", packed"))
        for function, limit in (
            (event_log.count_visible, MOST_EVENTS),
            (event_log.read_visible, 500),
        )
        for name, shown, after in (
            ("student", STUDENT, OLDEST_RESUMED),
            ("teacher", TEACHER, EVENTS - 20_000),
            ("admin", ADMIN, EVENTS - 1000),
            ("admin, a video", replace(ADMIN, video_id=V), 0),
            ("admin, a course", replace(ADMIN, course_id="c7"), 0),
            ("admin, a user", replace(ADMIN, shown_user_id="u7"), 0),
            ("teacher, a video", replace(TEACHER, video_id=V), 0),
            ("grant of a video", replace(STUDENT, scope_video_id=V), 0),
        )
    ),
    call(partitions.try_ownership),
    call(partitions.list_days),
    call(partitions.add_day, NOW.date() + timedelta(days=30)),
    call(partitions.drop_day, NOW.date() - timedelta(days=6)),
    call(partitions.list_hours),
    call(partitions.list_leaf_hours),
    call(partitions.is_awaited, partitions.partition_of_hour(HOUR - timedelta(hours=12))),
    call(packing.list_ended, NOW),
    call(packing.begin, HOUR - timedelta(hours=12)),
    Call(
        packing.pack_users,
        (HOUR - timedelta(hours=12), "", 1000),
        before=call(packing.begin, HOUR - timedelta(hours=12)),
    ),
    Call(
        packing.pack_ids,
        (HOUR - timedelta(hours=12), EVENTS * 52 // 100 - 300, EVENTS * 52 // 100 + 300),
        before=call(packing.begin, HOUR - timedelta(hours=12)),
    ),
    call(packing.drop_leaf, HOUR - timedelta(hours=12), EVENTS),
    Call(partitions.drop_hour, (HOUR - timedelta(hours=20),), name="packed"),
    call(partitions.add_hour, HOUR + timedelta(days=30)),
    call(partitions.drop_hour, HOUR - timedelta(hours=25)),
    call(partitions.clear_defaults, NOW),
    call(partitions.count_strays),
    call(timelines.follow),
)

_DELIVERY = (
    call(webhooks.get, "w1"),
    call(webhooks.list_all),
    call(webhooks.list_page, after=(BEGINNING, ""), limit=51),
    call(webhooks.count),
    call(webhooks.put, "w2", "webhook", "https://host/", ["video.ready"], "sealed"),
    Call(webhooks.delete, ("w1",), before=call(deliveries.delete_given_up, "w1", 30_000)),
    Call(
        webhooks.read_backlog,
        ("w1",),
        most_rows=webhooks.MOST_COUNTED,
        reason="a count that is shown",
    ),
    call(deliveries.take, "w1", 1000),
    call(deliveries.delete_given_up, "w1", 5000),
    call(deliveries.list_waiting, "w1", 500),
    call(deliveries.list_dead, "w1", after_id=0, limit=51),
    call(deliveries.forget_delivered, "w1", [1]),
    call(deliveries.forget_unsent, "w1", [1]),
    call(deliveries.note_failure, "w1", 1, attempts=0, failure="status 500", pause_s=3.0),
    call(deliveries.resend, "w1", None, 1000),
    call(deliveries.delete_dead, NOW, 1000),
    Call(
        deliveries.rescue,
        (datetime.combine(NOW.date() - timedelta(days=5), time(), UTC),),
        most_rows=EVENTS // SCALE // 5,
        reason="a day of the log, before it is dropped",
    ),
    call(deliveries.rescue_strays, "event_log_others_default", NOW),
    call(watched_videos.read, [("u7", V)]),
    call(erasures.add, "sealed"),
    call(erasures.list_all, 120.0),
    call(erasures.delete, NEW),
    call(people.list_taught, "teacher0"),
    call(people.list_people, "enrollments", "c0", "", 5000),
    Call(people.list_people, ("course_viewers", "c0", "", 5000), name="who watched"),
    call(personal_rows.withdraw, "u7", "erased-1", "sealed"),
    call(personal_rows.forget_erased_enrollments, 86_400.0),
    Call(
        personal_rows.erase,
        ("u7", "erased-1"),
        most_rows=12_500,
        reason="uploads and videos have no index of their uploader; once for each erasure",
    ),
    call(personal_rows.rename_progress, "u7", "erased-1"),
    call(personal_rows.rename_viewer, "u7", "erased-1"),
    Call(
        personal_rows.rename_uploads,
        ("u7", "erased-1"),
        most_rows=12_500,
        reason="videos have no index of their uploader; once for each erasure",
    ),
    Call(
        personal_rows.has_uploaded,
        ("u7",),
        most_rows=12_500,
        reason="videos have no index of their uploader; once for each erasure",
    ),
    Call(
        personal_rows.rename_in_copies,
        ("teacher0", "erased-1"),
        most_rows=30_000,
        reason="the log in steps, and all that waits, once for each erased teacher",
    ),
    Call(
        uploads.end_all_of_user,
        ("teacher249",),
    ),
)

_STRUCTURE = (
    call(clock.now),
    call(server_state.read_server_state),
    call(courses.put_course, "c7", "Renamed"),
    call(courses.put_module, "c7", "c7m1", "Renamed", 1),
    call(courses.get_course, "c7"),
    call(course_outlines.get_course, "c7"),
    call(course_outlines.read, "c7", 1),
    call(courses.list_courses, "u7", every=False, after=(BEGINNING, ""), limit=51),
    Call(courses.list_courses, ("root",), {"every": True, "after": (BEGINNING, ""), "limit": 51},
         "all"),
    call(courses.get_module, "c7m1"),
    call(courses.list_modules, "c7"),
    call(positions.of_modules, "c7"),
    call(positions.set_modules, {"c7m1": 1024}),
    call(courses.delete_modules, "c7"),
    call(courses.restore, "c7", "c7m1"),
    call(courses.delete_course, "c7"),
    call(document_keys.add, "kid", "x"),
    call(document_keys.list_all),
    call(enrollments.put, "c0", "u7", "instructor"),
    call(enrollments.withdraw, "c0", "u7"),
    call(enrollments.get, "c0", "u7"),
    call(enrollments.is_enrolled, "c0", "u7"),
    call(enrollments.list_of_course, "c0", after=(BEGINNING, ""), limit=51),
    Call(enrollments.list_of_course, ("c0",),
         {"after": (NOW - timedelta(days=20), "u7"), "limit": 51}, "in the middle"),
    call(enrollments.list_not_enrolled, [("c0", "u7"), ("c7", "u7")]),
    call(enrollments.list_changed_versions, 3600.0),
    call(jobs.count_by_status),
    call(jobs.is_queued, str(V)),
    call(jobs.is_any_queued, "ladder:"),
    call(jobs.defer, "finish", {}, queue="media", lock=str(V)),
    call(periodic_turns.take, "storage-totals", 11.25),
    call(web_processes.refresh, NEW, "host", SHA256),
    call(web_processes.remove, NEW),
    call(web_processes.longest_running, 30.0),
    call(web_processes.have_changed, NOW - timedelta(minutes=1), NOW, 30.0),
)  # fmt: skip

_VIDEOS = (
    call(videos.insert, NewVideo(NEW, "c0", "c0m1", "Lecture", NEW_FILE)),
    call(videos.get, V),
    call(videos.get_deleted, video_id(2000), 86_400.0),
    call(videos.list_of_module, "c0m1", ready_only=True, after=(BEGINNING, NO_ID), limit=51),
    call(videos.list_of_course, "c0", ready_only=True),
    call(videos.rename, V, "Renamed"),
    call(positions.of_videos, "c0m1"),
    call(positions.set_videos, {V: 1024}),
    call(positions.set_video, V, 1024),
    call(processing.set_processing_ratio, V, 0.5),
    call(processing.set_served, V, SHA256),
    call(processing.set_ready, V, FACTS),
    call(processing.set_audio_tracks, V, []),
    call(processing.set_own_picture, V, is_own=True),
    call(replacements.put, NEW_FILM),
    call(replacements.get, V),
    call(replacements.report, NEW, 0.5),
    call(replacements.set_served, NEW, SERVED, SHA256),
    call(replacements.set_failed, FILM, "undecodable", "Detail"),
    call(replacements.switch, FILM, FACTS),
    call(processing.touch, V),
    call(processing.set_failed, V, "undecodable", "Detail", is_final=True),
    call(processing.retry, V),
    call(processing.set_lost, V, "unavailable", "Detail"),
    call(videos.list_matching, video_id=V),
    Call(videos.list_matching, (), {"module_id": "c0m1"}, "of a module"),
    Call(videos.list_matching, (), {"course_id": "c0"}, "of a course"),
    call(videos.delete, [V]),
    call(videos.restore, video_id(2000)),
    # The log of a day that has just begun is read whole, while it fills a few pages.
    Call(videos.list_deleted_since, (86_400.0,), page_rows=500),
)

_MEDIA = (
    call(assets.remove_representations, V),
    call(assets.add_representation, video_id(1000),
         RepresentationRow("mp4", "a.mp4", "video/mp4", 10, SHA256, is_primary=True)),
    call(assets.add_thumbnails, V, [ThumbnailRow("small", "image/png", "a", 160, 90, 10, SHA256)]),
    call(assets.remove_thumbnails, V),
    call(assets.add_storyboard, V, StoryboardRow("a.vtt", 10, SHA256), []),
    call(assets.record_unmakable, V, "storyboard", "too-complex"),
    call(assets.list_unmakable, V),
    call(differences.record, V, "copy", ["duration"]),
    call(differences.clear, V, ["copy"]),
    call(differences.count_by_made),
    call(differences.list_found, 100),
    call(file_pieces.list_known, V, ["a.mp4"]),
    call(file_pieces.add, V, "a.mp4", [b"0" * 32]),
    call(ladders.get, V),
    call(ladders.lock, V),
    call(ladders.begin, video_id(1000), "auto", SHA256),
    call(ladders.set_planned, V, "{}", [("coded", 0)]),
    call(ladders.set_ready, V),
    call(ladders.set_failed, V, is_final=True),
    call(ladders.abandon, [V]),
    call(ladders.end, V),
    call(ladders.release_lanes, V),
    call(ladders.take_piece, V, 1),
    call(ladders.set_piece_ready, V, PieceRow("coded", 0, 1, False, 0, None), 10, "{}"),
    call(ladders.drop_pieces, V, "coded"),
    call(ladders.list_pieces, V),
    call(ladders.count_unfinished, V),
    call(ladders.list_worked_on, [NEW]),
    Call(
        ladders.list_lacking, ("auto", NO_ID, 100), most_rows=25_000, reason=HOURLY
    ),
    call(ladders.list_unfinished),
    call(ladders.list_stuck),
    call(rungs.add, V, [RUNG]),
    call(rungs.set_planned, V, [RUNG]),
    call(rungs.publish, V, [MadeRung(RUNG, "{}")], [FILE]),
    call(rungs.add_files, V, [FILE]),
    call(rungs.replace_texts, V, [FILE]),
    call(rungs.supersede, V),
    call(rungs.clear, V),
    call(rungs.set_failed, V, "too-complex", "Detail"),
    call(rungs.list_made, V),
    call(rungs.list_file_names, V),
    call(rungs.list_playlists, V),
    call(rungs.get_size, V, "240p.mp4"),
    call(rungs.take_superseded, 3600.0, 100),
    call(rungs.delete_file, V, "240p.mp4"),
    call(text_tracks.get, V, TrackName("captions", "en")),
    call(text_tracks.list_captions, V),
    call(text_tracks.lock_video, V),
    call(text_tracks.count, V),
    call(text_tracks.put, V, TrackName("captions", "de"), "WEBVTT", SHA256),
    call(text_tracks.delete, V, TrackName("captions", "en")),
)  # fmt: skip

_PROGRESS = (
    call(evidence.capped_s, "u7", V),
    call(progress.get, "u7", V),
    call(playing_terms.read, [Viewing(f"u{number}", video_id(number)) for number in range(200)]),
    call(progress.list_for_course, "c0", None, None, 201),
    Call(progress.list_for_course, ("c0", None, (NOW - timedelta(days=20), V, "u7"), 201),
         name="in the middle"),
    Call(progress.list_for_course, ("c0", "u7", None, 201), name="of a user"),
    Call(progress.list_for_course, ("c0", "nobody", None, 201), name="of nobody"),
    call(progress.list_states, "u7", [video_id(number) for number in range(50)]),
    Call(recount.recount, (V, 0.9), {"cuts_watched": False}, most_rows=VIEWERS, reason=ALL_VIEWERS),
    call(report_batch.lock_and_read, [KEY]),
    call(
        report_batch.write,
        [ProgressChange("u7", V, 10, NOW, "s7", "{[0,10)}", NOW)],
        [SessionChange("u7", V, "s7", 101, "playing", 10, 1, {}, NOW, NOW)],
        0.9,
        [LateChange("u7", V, "s7", NOW, NOW, 10, 10)],
        [CappedChange("u7", V, "{[0,10)}")],
    ),
    call(report_batch.read_sums_from),
    call(report_batch.require_writable),
    call(session_names.read, KEY),
    call(session_names.add, KEY),
    call(session_names.delete_old, NOW - timedelta(days=90), 1000),
    Call(session_names.delete_old, (NOW - timedelta(days=20), 1000), name="some"),
    call(silence.look),
    call(silence.take_due, NOW, 2000),
    call(silence.stop_silent, NOW, range(16)),
    call(sessions.count_open),
    Call(sessions.count_open, name="few", before=call(end_most)),
    call(sessions.delete_old, NOW - timedelta(days=90), 1000),
    Call(sessions.delete_old, (NOW - timedelta(days=20), 1000), name="some"),
)  # fmt: skip

_UPLOADS = (
    call(space.open_upload, NEW, "u7", length_bytes=10, most_count=20, quota_bytes=2**60),
    call(space.reserve, NEW, needed_bytes=10, desired_bytes=10, quota_bytes=2**60),
    call(space.release, NEW),
    call(space.read_used_bytes),
    call(upload_holders.hold, OPEN_UPLOAD),
    call(upload_holders.fence, OPEN_UPLOAD),
    call(upload_holders.mark_joined, OPEN_UPLOAD.id, 0),
    call(upload_holders.refresh_completing, {OPEN_UPLOAD.id: 0}),
    call(uploads.create, NewUpload(NEW, "u7", "c0", "c0m1", "Title", "a.mp4", "", 10), 3600.0),
    call(uploads.get, OPEN_UPLOAD.id),
    call(uploads.get_settled, OPEN_UPLOAD.id),
    call(uploads.claim, OPEN_UPLOAD.id),
    call(uploads.read_claims, [OPEN_UPLOAD.id]),
    call(uploads.advance, OPEN_UPLOAD.id, 100, 3600.0, 0),
    call(uploads.complete, OPEN_UPLOAD.id, V),
    call(uploads.end, OPEN_UPLOAD.id),
    call(uploads.end_held, OPEN_UPLOAD.id, 0),
    call(uploads.end_for_user, "c249", "teacher249"),
    call(uploads.end_for_module, "c249m4"),
    call(uploads.end_for_course, "c249"),
    call(uploads.list_of_course, "c249", after=(BEGINNING, NO_ID), limit=51),
    call(uploads.list_of_user, "teacher249", after=(BEGINNING, NO_ID), limit=51),
    call(uploads.end_expired),
    call(uploads.list_unfinished, [OPEN_UPLOAD.id]),
    call(uploads.delete_old, 1000),
)

_OPERATING = (
    call(operating_figures.count_jobs),
    call(operating_figures.count_renditions),
    call(operating_figures.count_ladders),
    call(operating_figures.count_deliveries),
    call(operating_figures.count_open_uploads),
    call(operating_figures.count_viewing_changes),
    call(operating_figures.read_standbys),
    call(storage_shares.list_shares, 20),
    call(storage_totals.fold, 5000),
    Call(storage_totals.list_differences, most_rows=150_000, reason=BY_CHECK),
    Call(storage_totals.correct, most_rows=150_000, reason=BY_CHECK),
    call(problems.list_problems, 100),
    call(steps.add, [StepCounts("remux", "done", [0, 1], 0.5)]),
    call(steps.list_all),
)

_UPKEEP = (
    call(bytes_served.add, uuid4(), 1, {Account(NOW.date(), "c0", V, "u7", "stream"): 10}),
    call(bytes_served.sent_to, "u7", V),
    call(bytes_served.delete_before, NOW.date() - timedelta(days=90), 1000),
    call(file_rows.read_videos, [V]),
    Call(file_rows.count_videos, most_rows=12_500, reason=HOURLY),
    call(file_rows.read_next, NO_ID, 100),
    call(file_rows.list_stuck),
    Call(
        file_rows.list_missing_pictures,
        ("image/jpeg", ["image/webp", "image/avif"], 100),
        most_rows=75_000,
        reason=HOURLY,
    ),
    Call(file_rows.list_missing_alternates, (100,), most_rows=25_000, reason=HOURLY),
    call(file_rows.clear_storyboard, V),
    call(file_rows.clear_ladder, V),
    call(file_rows.delete_superseded, V, "240p.mp4"),
    call(replaced_files.take_video, 60.0, "make_alternate"),
    call(replaced_files.delete, V, 60.0),
    call(file_rows.clear_unmakable, V),
    call(file_rows.clear_alternates, V),
    call(file_rows.reset_to_original, V),
    call(storage_identity.read_known),
    call(storage_identity.record, "storage"),
    call(storage_identity.adopt, "storage"),
    call(storage_identity.forget, "storage"),
    call(storage_identity.set_held_strays, 7),
    call(storage_identity.read_held_strays),
    call(trash.take_expired, NOW),
    call(trash.delete_details, V, 500),
    call(trash.delete_progress, V, 500),
    call(trash.delete_video, video_id(2000)),  # the viewers of V would have gone before
    call(trash_clock.tick, 86_400.0, 3600.0),
)

_TAKEOVER = (
    call(announcements.announce, MODULE),
    call(announcements.read_courses, ["c0m1"]),
    call(announcements.list_deleted, ["c0m1"]),
    call(announcements.set_arrived, V, "mp4", FACTS, 10, "a.mp4"),
    call(imports.begin, "lectures", "term/1", '"e"', 10),
    call(imports.add_fetched, V, 0, 10),
    call(imports.clear_fetched, V),
    call(imports.set_verified, V, SHA256, "etag"),
    call(imports.refuse, V, "too-large"),
    call(imports.take_over, "c0m1", V),
    call(imports.finish, V),
    call(imports.list_taken, ["c0m1"]),
    call(imports.list_begun, [("lectures", "term/1", '"e"', 10)]),
    call(imports.list_unfinished, [V]),
    call(references.switchable, is_local=False, module_ids=["c0m1"]),
    call(references.switch, V, ["c0m1"], is_local=False),
    Call(taken_modules.list_modules, (None, ""), {"after": "", "limit": 100}, page_rows=200),
    Call(
        taken_modules.list_modules,
        ("lectures", "term/"),
        {"after": "c77", "limit": 100},
        "in the middle",
        page_rows=200,
    ),
    Call(viewer_positions.list_lectures, most_rows=12_500, reason=BY_COMMAND),
    call(viewer_positions.list_changing, [PLACE]),
    call(viewer_positions.mark_completed, [PLACE]),
)

PERIOD = Period(NOW.date() - timedelta(days=30), NOW.date() + timedelta(days=1))
CHANGE = ViewingChange(V, "u7", NOW.date(), plays=[(0, 100)])
QUALITY = NumberedQuality(
    "c0",
    QualityKey(V, NOW.date(), Conditions("phone", "Safari", "4g")),
    viewers=1,
    figures=QualityFigures(sessions=1),
)
STUDENT_SEARCH, HELP_DESK = Searcher("u7", False), Searcher("root", True)
FIRST_SESSION = (BEGINNING, "", NO_ID, "")
RANKED = "all progress of a course is summed up, at most a twentieth of the time (ranking.py)"
BYTES = "all users of the course are summed, for each day"
PLAYING = "those who play in the course at this moment: with FULL=1 half of all viewers do"

_INSIGHT = (
    call(changes.add, [CHANGE]),
    call(changes.add_duration, V, CHANGE.day),
    call(changes.take, 100),
    call(changes.is_any_waiting),
    call(rollups.lock),
    call(rollups.lock_out),
    call(rollups.read_facts, [V]),
    call(rollups.number_viewers, [("c0", "u7")]),
    call(rollups.add_days, ["c0"], [(V, Day(NOW.date(), 1, 1, 100, 0))]),
    call(rollups.write_curves, [Curve(V, True, 100, [1], [1])]),
    call(rollups.read_days, V),
    call(rollups.replace_days, "c0", V, [Day(NOW.date(), 1, 1, 100, 0)]),
    call(rollups.uncount, V),
    Call(viewing_recount.list_viewers, (V,), most_rows=VIEWERS, reason=ALL_VIEWERS),
    Call(viewing_recount.count_sessions, (V,), most_rows=VIEWERS, reason=ALL_VIEWERS),
    Call(
        viewing_recount.count_curve,
        (V, 5, 600, 299_750),
        most_rows=VIEWERS,
        reason=ALL_VIEWERS,
    ),
    call(viewing_recount.list_uncounted_of_course, "c0"),
    call(viewing_recount.list_uncounted, 200),
    call(viewing_recount.list_next_videos, NO_ID, 200),
    call(viewing_recount.read_upkeep),
    call(viewing_recount.advance, Upkeep(V, False)),
    call(cmcd.lock_and_read, [CmcdKey("u7", V, "s7")]),
    call(cmcd.write, {CmcdKey("u7", V, "s7"): SessionMeasures()}),
    call(cmcd.delete_old, NOW - timedelta(days=90), 1000),
    call(moments.add, [Moment("u7", V, "s7", NOW, "stalled", {})]),
    call(moments.read, "u7", V, "s7", NOW - timedelta(days=1), NOW, 1000),
    call(moments.count_waiting, [(NOW - timedelta(minutes=1), NOW)] * 20, ["a", "b"]),
    call(moments.list_stalls_after, 0, 1000),
    call(moments.newest_stall),
    call(moments.delete_old, NOW - timedelta(days=90), 1000),
    Call(session_search.search, (STUDENT_SEARCH, "u7", None, BEGINNING, NOW, FIRST_SESSION, 51)),
    Call(
        session_search.search,
        (HELP_DESK, None, V, BEGINNING, NOW, FIRST_SESSION, 51),
        name="of a video",
        page_rows=100,
    ),
    Call(
        session_search.search,
        (HELP_DESK, None, V, BEGINNING, NOW, (NOW - timedelta(days=20), "u7", V, "s7"), 51),
        name="of a video, in the middle",
        page_rows=100,
    ),
    Call(
        session_search.search,
        (STUDENT_SEARCH, None, V, BEGINNING, NOW, FIRST_SESSION, 51),
        name="of a video, one's own",
        page_rows=100,
    ),
    call(session_search.get, STUDENT_SEARCH, "u7", "s7"),
    call(quality.add, [QUALITY]),
    call(quality.read_days, "c0", V, NOW.date() - timedelta(days=30)),
    call(quality.replace_days, V, NOW.date() - timedelta(days=30), [QUALITY]),
    Call(
        quality.list_sessions,
        (V, NOW.date() - timedelta(days=30)),
        most_rows=VIEWERS,
        reason=ALL_VIEWERS,
    ),
    call(quality.read_groups, "c0", PERIOD, 5),
    Call(quality.read_groups, ("c0", PERIOD, 5, V), name="of a video"),
    call(quality_sums.sum_up, 20),
    call(quality_sums.next_day, CourseDay("c0", NOW.date() - timedelta(days=3))),
    call(quality_sums.differs, CourseDay("c0", NOW.date() - timedelta(days=3))),
    call(quality_sums.mark, CourseDay("c0", NOW.date() - timedelta(days=3))),
    call(figures.read_viewing, "c0", PERIOD),
    call(figures.count_viewers, V),
    Call(figures.read_bytes, ("c0", PERIOD), most_rows=100_000, reason=BYTES),
    Call(figures.count_active, ("c0",), most_rows=60_000, reason=PLAYING),
    call(figures.list_videos, "c0"),
    call(figures.list_popular, PERIOD, None, 50),
    call(students.list_students, "c0", (BEGINNING, ""), 51),
    call(students.find_named, "c0", [f"u{number}" for number in range(51)]),
    Call(
        students.list_standings,
        ("c0",),
        most_rows=max(100_000, STUDENTS * (SEEN + SEEN_OF_OTHER) // SCALE),
        reason=RANKED,
    ),
)

CALLS = (
    _LOG + _DELIVERY + _STRUCTURE + _VIDEOS + _MEDIA + _PROGRESS + _UPLOADS + _UPKEEP + _TAKEOVER
)

CALLS += _INSIGHT + _OPERATING
