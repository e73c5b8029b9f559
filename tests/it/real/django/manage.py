"""A Django site in one file: its own log-in, log-out and change of password, users and sessions in
PostgreSQL, or sessions in a cache or in signed cookies. Settings come from settings.json in its folder."""

import json
import sys

import django
from django.conf import settings
from django.core.management import execute_from_command_line
from django.urls import path

GIVEN = json.load(open("settings.json"))
FORM = "<form method=post>{% csrf_token %}{{ form }}</form>"

settings.configure(
    DEBUG=False,
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF="__main__",
    SECRET_KEY=GIVEN["secret_key"],
    SESSION_ENGINE=GIVEN["session_engine"],
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions"],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    ],
    DATABASES={"default": {"ENGINE": "django.db.backends.postgresql", **GIVEN["database"]}},
    CACHES=GIVEN["caches"],
    TEMPLATES=[{
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "OPTIONS": {"loaders": [("django.template.loaders.locmem.Loader", {"form.html": FORM})]},
    }],
    # The cheapest hasher: what the column holds makes no difference here.
    PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    LOGIN_REDIRECT_URL="/",
    LOGIN_URL="/login/",
    USE_TZ=True,
)
django.setup()

from django.contrib.auth import views  # noqa: E402
from django.contrib.auth.models import User  # noqa: E402
from django.http import HttpResponse  # noqa: E402


class LogIn(views.LoginView):
    def form_valid(self, form):
        answer = super().form_valid(form)
        self.request.session["groups"] = ["dev", "ops"]
        return answer


def home(request):
    return HttpResponse(request.user.get_username() or "nobody")


def cart(request):
    request.session["cart"] = ["book"]
    return HttpResponse("ok")


urlpatterns = [
    path("", home),
    path("cart/", cart),
    path("login/", LogIn.as_view(template_name="form.html")),
    path("logout/", views.LogoutView.as_view(next_page="/")),
    path("password/", views.PasswordChangeView.as_view(template_name="form.html", success_url="/")),
]

if __name__ == "__main__":
    if sys.argv[1] == "prepare":
        execute_from_command_line(["manage.py", "migrate", "--verbosity", "0"])
        User.objects.create_user("alice", password=GIVEN["password"])
    else:
        execute_from_command_line(
            ["manage.py", "runserver", "--noreload", f"127.0.0.1:{GIVEN['port']}"]
        )
