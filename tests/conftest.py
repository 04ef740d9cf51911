"""What every test may ask for."""

import pytest


@pytest.fixture(scope="session")
def anyio_backend() -> tuple[str, dict[str, bool]]:
    """Run asynchronous tests on the loop that the hub is served on."""
    return "asyncio", {"use_uvloop": True}
