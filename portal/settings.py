"""Django's settings; whatever differs between installations comes from the environment (portal/environment.py)."""

from urllib.parse import urlsplit

from portal.database import database
from portal.environment import SettingError, secret_setting, setting

SECRET_KEY = secret_setting("CHAINFAAS_SECRET_KEY_FILE")
if len(SECRET_KEY) < 50:  # noqa: PLR2004 - Django's own advice (security.W009)
    raise SettingError("CHAINFAAS_SECRET_KEY_FILE: expected at least 50 characters in the file")
DEBUG = False

PORTAL_URL = setting("CHAINFAAS_PORTAL_URL").rstrip("/")
FUNCTIONS_URL = setting("CHAINFAAS_FUNCTIONS_URL").rstrip("/")
_portal, _functions = urlsplit(PORTAL_URL), urlsplit(FUNCTIONS_URL)
if _portal.scheme != "https" or _functions.scheme != "https":
    raise SettingError("CHAINFAAS_PORTAL_URL and CHAINFAAS_FUNCTIONS_URL: expected https://…")
if _portal.hostname == _functions.hostname:
    raise SettingError("CHAINFAAS_FUNCTIONS_URL: expected a host name other than the portal's: cookies ignore ports")
ALLOWED_HOSTS = [_portal.hostname or ""]
CSRF_TRUSTED_ORIGINS = [PORTAL_URL]

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "portal.accounts",
    "portal.functions",
    "portal.providers",
    "portal.outbox",
    "portal.books",
    "portal.governance",
    "portal.peers",
    "portal.invocations",
    "portal.ledgerd",
    "portal.api",
    "portal.web",
]
MIDDLEWARE = [
    "portal.request_ids.RequestIds",
    "portal.api.middleware.NoCopies",
    "django.middleware.security.SecurityMiddleware",
    "portal.web.static_files.StaticFiles",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "portal.web.middleware.PageTimes",
]
ROOT_URLCONF = "portal.urls"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "portal.web.context.page",
            ]
        },
    }
]
DATABASES = {"default": database(setting("CHAINFAAS_DATABASE_URL"), secret_setting("CHAINFAAS_DATABASE_PASSWORD_FILE"))}

AUTH_USER_MODEL = "accounts.Account"
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "/sign-in"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/"
SESSION_COOKIE_NAME = "__Host-session"
SESSION_COOKIE_SECURE = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_NAME = "__Host-csrf"
CSRF_COOKIE_SECURE = True
CSRF_COOKIE_HTTPONLY = True
CSRF_FAILURE_VIEW = "portal.web.views.errors.csrf_failure"
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
SECURE_HSTS_SECONDS = 31_536_000
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = 1_048_576

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
STATIC_URL = "/static/"
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REST_FRAMEWORK = {
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "portal.api.authentication.BearerAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_METADATA_CLASS": None,
    "EXCEPTION_HANDLER": "portal.api.problems.handle",
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["portal.api.parsers.BoundedJSONParser"],
}
SPECTACULAR_SETTINGS = {
    "TITLE": "ChainFaaS",
    "DESCRIPTION": "Functions, providers and payments of a marketplace for computing.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PUBLIC": True,
    "ENUM_NAME_OVERRIDES": {
        "FunctionState": "portal.functions.models.FunctionState",
        "ProviderState": "portal.providers.models.ProviderState",
        "RoleState": "portal.accounts.models.RoleState",
        "InvocationState": "portal.invocations.models.INVOCATION_STATES",
        "JobState": "portal.invocations.models.JOB_STATES",
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "portal.api.schema.add_problems",
    ],
}

#: Each process configures its own logs (wire.logs).
LOGGING_CONFIG = None
