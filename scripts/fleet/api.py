"""A small client of the REST interface, for checks; operators use the `godwit` command."""

import json
import pathlib
import ssl
import urllib.error
import urllib.request

from .process import Failure


class Api:
    def __init__(self, url: str, token: str, authority: pathlib.Path):
        self.url = url
        self._token = token
        self._tls = ssl.create_default_context(cafile=str(authority))

    def get(self, path: str):
        request = urllib.request.Request(self.url + path, headers={"Authorization": f"Bearer {self._token}"})
        try:
            with urllib.request.urlopen(request, context=self._tls, timeout=30) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise Failure(f"GET {path}: {error.code} {error.read().decode(errors='replace')}") from error

    def ready(self) -> bool:
        try:
            with urllib.request.urlopen(self.url + "/readyz", context=self._tls, timeout=5) as answer:
                return answer.status == 200
        except (urllib.error.URLError, OSError):
            return False

    def all(self, path: str) -> list:
        """Every item of a paged list."""
        items, cursor = [], None
        while True:
            mark = "&" if "?" in path else "?"
            page = self.get(path + (f"{mark}cursor={cursor}" if cursor else ""))
            items += page["items"]
            cursor = page.get("next")
            if not cursor:
                return items
