"""What the tests of the cluster's shapes share."""

from tests.api_fixtures import api, cluster

__all__ = ["api", "cluster"]
