"""The portal's addresses."""

from django.urls import URLPattern, URLResolver, include, path

from portal.web.views.describing import api_docs

urlpatterns: list[URLPattern | URLResolver] = [
    path("api/v1/docs", api_docs, name="api_docs"),
    path("api/v1/", include("portal.api.urls")),
    path("", include("portal.web.urls")),
]

handler400 = "portal.handlers.bad_request"
handler403 = "portal.handlers.forbidden"
handler404 = "portal.handlers.not_found"
handler500 = "portal.handlers.failed"
