# SPDX-License-Identifier: GPL-2.0-or-later
"""The Wireshark profile "TCP State": its columns, colour rules and filter buttons work."""

import re
import shutil
from pathlib import Path

import pytest

import wire
from support.frames import ACK, RST, SYN
from wire import HANDSHAKE_STATES, Peers, capture, ethernet

PROFILE = Path(__file__).resolve().parents[2] / "plugin" / "profile"


@pytest.fixture(scope="module")
def home(wireshark):
    """A HOME with the profile in it."""
    folder = wireshark.make_home()
    shutil.copytree(PROFILE, folder / ".config" / "wireshark" / "profiles" / "TCP State")
    wireshark.give_away(folder)
    return folder


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    peers = Peers()
    packets = [*peers.handshake(), *peers.data(), *peers.four_way_close(4), Peers(client_port=50000).packet("client", SYN, 0),
               Peers(client_port=50000).packet("server", RST | ACK, 0, 1)]
    return capture(tmp_path_factory.mktemp("profile") / "x.pcap", list(map(ethernet, packets)))


def test_columns(tshark, home, session):
    result = tshark("-C", "TCP State", "-r", session, home=home)
    assert result.stderr == ""
    for line, states in zip(result.stdout.splitlines(), HANDSHAKE_STATES, strict=False):
        assert " ".join(states) in line
    assert "ESTABLISHED ESTABLISHED handshake 3/3 handshake_completed" in result.stdout


def test_each_column_has_a_width():
    columns = [column.split(":")[0:2] for column in re.findall(r'^\t".*?", "(%.*?)"', (PROFILE / "preferences").read_text(), re.M)]
    widths = re.findall(r'^\t"(%.*?)", "\d+"', (PROFILE / "recent").read_text(), re.M)
    assert widths == [":".join(parts) for parts in columns]


def test_colours(tshark, home, session):
    names = tshark("-C", "TCP State", "--color", "-r", session, "-T", "fields", "-e", "frame.coloring_rule.name",
                   home=home).stdout.splitlines()
    assert names[:2] == ["TCP State: opening"] * 2
    assert names[2:5] == ["TCP State: open"] * 3
    assert names[5:8] == ["TCP State: closing"] * 3
    assert names[8] == "TCP State: closed"
    assert len(names) == 11
    assert names[10] == "TCP State: reset"


def colour_rules():
    lines = (PROFILE / "colorfilters").read_text().splitlines()
    return [line.split("@")[1:3] for line in lines if not line.startswith("#")]


def buttons():
    found = re.findall(r'^"TRUE","(.*?)","(.*?)","(.*?)"$', (PROFILE / "dfilter_buttons").read_text(), re.M)
    return [(label, expression.replace(r"\x22", '"')) for label, expression, _ in found]


@pytest.mark.parametrize("name, expression", [*colour_rules(), *buttons()])
def test_every_filter_compiles(tshark, session, name, expression):
    result = tshark("-r", session, "-Y", expression, check=False)
    assert (result.returncode, result.stderr) == (0, ""), name


def test_there_are_rules_and_buttons():
    assert len(colour_rules()) > 5
    lines = (PROFILE / "dfilter_buttons").read_text().splitlines()
    assert len(buttons()) == len([line for line in lines if not line.startswith("#")]) > 5


def test_colour_rules_mean_what_they_say(tshark, session):
    by_name = dict(colour_rules())
    output = tshark("-r", session, "-Y", by_name["TCP State: opening"], "-T", "fields", "-e", "frame.number").stdout
    assert output.split()[:2] == ["1", "2"]
    assert "3" not in output.split()


def test_without_the_plugin_it_does_no_harm(tshark, home, session):
    result = tshark("-C", "TCP State", "-r", session, home=home, plugin=False)
    assert len(result.stdout.splitlines()) == 11
    assert wire.HANDSHAKE_STATES[0][0] not in result.stdout
