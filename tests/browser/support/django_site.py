"""A site by Django, a program by itself: one lesson, and the view that gives its viewer a token.

`python django_site.py DIRECTORY PORT SERVICE VIDEO TOKEN`; the directory holds the template and its
script, templates/lesson.html and static/lesson.js.
"""

import sys
from pathlib import Path
from types import SimpleNamespace
from wsgiref.simple_server import make_server

import django
from django.conf import settings
from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.core.servers.basehttp import ThreadedWSGIServer
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import path


def serve(directory: Path, port: int, service: str, video_id: str, token: str) -> None:
    def show_lesson(request: HttpRequest) -> HttpResponse:
        lesson = SimpleNamespace(video_id=video_id)
        return render(request, "lesson.html", {"COURSE_VIDEO_SERVER": service, "lesson": lesson})

    def give_token(_: HttpRequest) -> HttpResponse:
        return JsonResponse({"token": token})

    urls = (path("", show_lesson), path("course-token", give_token))
    settings.configure(
        DEBUG=True,
        SECRET_KEY="of a test",
        ALLOWED_HOSTS=["localhost"],
        ROOT_URLCONF=urls,
        INSTALLED_APPS=["django.contrib.staticfiles"],
        STATIC_URL="/static/",
        STATICFILES_DIRS=[directory / "static"],
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "DIRS": [directory / "templates"],
            }
        ],
    )
    django.setup()
    application = StaticFilesHandler(get_wsgi_application())
    # With threads: browsers open connections that they do not use yet.
    with make_server("localhost", port, application, ThreadedWSGIServer) as server:
        print("listens", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    where, number, *named = sys.argv[1:]
    serve(Path(where), int(number), *named)
