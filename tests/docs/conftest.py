"""What the tests of the documentation share: a client of an empty API server."""

from tests.api_fixtures import api, cluster

__all__ = ["api", "cluster"]
