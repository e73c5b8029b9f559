"""A Flask application with its own log-in form. Its sessions are in its signed cookie, or with
Flask-Session in Redis. Settings come from settings.json in its folder."""

import json

from flask import Flask, redirect, request, session
from flask_session import Session
from redis import Redis

GIVEN = json.load(open("settings.json"))

app = Flask(__name__)
app.config["SECRET_KEY"] = GIVEN["secret_key"]
if GIVEN["redis_port"]:
    app.config["SESSION_TYPE"] = "redis"
    app.config["SESSION_USE_SIGNER"] = GIVEN["use_signer"]
    app.config["SESSION_REDIS"] = Redis(
        host="127.0.0.1", port=GIVEN["redis_port"], password=GIVEN["redis_password"]
    )
    Session(app)


@app.route("/login", methods=["GET", "POST"])
def log_in():
    if request.method == "GET":
        return '<form method="post"><input name="user"><input name="password" type="password"></form>'
    if (request.form["user"], request.form["password"]) != ("alice", GIVEN["password"]):
        return "no", 403
    session.clear()
    session["user_id"] = 42
    session["roles"] = ["dev"]
    return redirect("/")


@app.post("/logout")
def log_out():
    session.clear()
    return redirect("/")


@app.get("/")
def home():
    return "alice" if "user_id" in session else "nobody"


app.run("127.0.0.1", GIVEN["port"], threaded=True)
