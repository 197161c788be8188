"""JupyterLab's list of files, without the folders beside the lessons that students do not need.

JupyterLab sorts folders before files, so that the first lesson would come fifth.  The folders stay
where they are, and what lies in them can be opened by its path.
"""

from typing import Any

from jupyter_server.services.contents.largefilemanager import AsyncLargeFileManager

NOT_LISTED = {"images", "notes", "solutions", "source"}


class LessonsFirst(AsyncLargeFileManager):
    """Serves files as Jupyter does, and lists in ``lessons`` what a student opens."""

    async def get(self, path: str, *args: Any, **options: Any) -> dict[str, Any]:
        """Return a file, or a folder with what is listed in it."""
        model = await super().get(path, *args, **options)
        if path.strip("/") == "lessons" and model["type"] == "directory" and model["content"]:
            model["content"] = [at for at in model["content"] if at["name"] not in NOT_LISTED]
        return model
