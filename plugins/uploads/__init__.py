"""Files over HTTP: resumable uploads by tus 1.0, and a way for their owners to get them back."""

from collections.abc import Sequence

from chatserver import Context, Powers, Route, Scope, hookimpl
from chatserver_plugins.uploads.files import Files
from chatserver_plugins.uploads.tus import PATH, Tus

BEGINNING = dict.fromkeys(("get", "post"), Scope.WRITE)
GOING_ON = dict.fromkeys(("get", "patch", "delete"), Scope.WRITE)


class UploadsPlugin:
    """Needs a plugin that provides blobs; without one every request is answered with blob.none."""

    powers = Powers(service=("blobs.get", "blobs.reply", "blobs.uploads", "config.blobs"))

    def __init__(self, config: object) -> None:
        """It has no settings: sizes and quotas are in [blobs]."""

    @hookimpl
    def register_routes(self, context: Context) -> Sequence[Route]:
        blobs, files = context.service.blobs, Files(context)
        largest = context.service.config.blobs.largest_mb * 1_000_000
        tus = Tus(blobs, largest)
        return [
            Route(path=PATH, get=tus.about, post=tus.create, scopes=BEGINNING, **tus.common),
            Route(
                path=f"{PATH}/{{upload}}",
                get=tus.look,
                patch=tus.append,
                delete=tus.cancel,
                scopes=GOING_ON,
                **tus.common,
            ),
            Route(path="/api/v1/files/{blob}", get=files.show, scopes={"get": Scope.READ}),
        ]
