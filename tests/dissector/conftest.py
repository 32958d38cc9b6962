# SPDX-License-Identifier: GPL-2.0-or-later
"""Fixtures `wireshark` and `tshark` for the tests in this folder."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from support.env import *  # noqa: E402,F401,F403
