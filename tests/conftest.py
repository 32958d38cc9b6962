# SPDX-License-Identifier: GPL-2.0-or-later
"""The markers of these tests."""


def pytest_configure(config):
    config.addinivalue_line("markers", "engine: of the engine, which is the same whatever the version of Wireshark; "
                                       "tests/matrix leaves these out")
