"""Files for those who uploaded them."""

from chatserver import ChatError, Context, Reply, Request


class Files:
    """Other plugins show files to others: they know who may see what a file belongs to."""

    def __init__(self, context: Context) -> None:
        self._blobs = context.blobs

    async def show(self, request: Request) -> Reply:
        """The file, or a range of it. Another user's is blob.not_found."""
        user = await request.user()
        blob = await self._blobs.get(request.parameters["blob"])
        if blob.owner != user.id:
            raise ChatError("blob.not_found")
        return self._blobs.reply(blob, request)
