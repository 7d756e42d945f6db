"""Django's settings, made from the program's own. Where the database is, `cair.store.orm.configure` says later."""

import os

from cair.store.configuration import read_configuration
from cair.store.orm import read_secret_key

_configuration = read_configuration(os.environ)

SECRET_KEY = read_secret_key(_configuration.keys)
DEBUG = False
ALLOWED_HOSTS: list[str] = []

INSTALLED_APPS = ["cair.store"]
DATABASES = {"default": {"ENGINE": "django.db.backends.postgresql", "NAME": "cair", "ATOMIC_REQUESTS": False}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "id"
USE_I18N = True
