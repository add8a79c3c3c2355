"""What watches over the service: whether it lives, and whether it can work."""

from __future__ import annotations

from fastapi import APIRouter

router = APIRouter(tags=["operations"])


@router.get("/live")
def live() -> dict[str, str]:
    """Tell that the process answers."""
    return {"status": "live"}
