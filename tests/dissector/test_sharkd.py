# SPDX-License-Identifier: GPL-2.0-or-later
"""A frame that is opened again, in any order, shows what a pass over the file showed. sharkd stands in for the window."""

import random
import shutil
import xml.etree.ElementTree as xml
from pathlib import Path

import pytest

from support import pcap, scenario, scenario_run

TESTS = Path(__file__).resolve().parents[1]
CAPTURES = sorted((TESTS / "captures").glob("*.pcap*"))
MOST_FRAMES = 400

pytestmark = pytest.mark.skipif(not shutil.which("sharkd"), reason="sharkd is not installed here")


def labels_of_pdml(proto):
    """The visible labels of a protocol in PDML, depth first."""
    if proto.get("hide") == "yes":
        return
    yield proto.get("showname") or proto.get("show")
    for child in proto:
        yield from labels_of_pdml(child)


def labels_of_node(node):
    """The same of a node in sharkd's answer."""
    yield node["l"]
    for child in node.get("n", []):
        yield from labels_of_node(child)


def tshark_labels(tshark, capture, *arguments):
    """{frame number: [labels of each tcpstate subtree]}"""
    packets = xml.fromstring(tshark("-n", "-r", capture, "-T", "pdml", *arguments).stdout).iter("packet")
    return {
        int(packet.find("./proto[@name='frame']/field[@name='frame.number']").get("show")): [
            list(labels_of_pdml(proto)) for proto in packet.findall("./proto[@name='tcpstate']")
        ]
        for packet in packets
    }


def sharkd_labels(wireshark, capture, order):
    """[(frame number, [labels of each tcpstate subtree])] in the order of asking."""
    requests = [("load", {"file": str(wireshark.readable(capture))})]
    requests += [("frame", {"frame": number, "proto": True}) for number in order]
    answers = wireshark.sharkd(requests)[1:]
    return [
        (number, [list(labels_of_node(node)) for node in answer["tree"] if node.get("f") == "tcpstate"])
        for number, answer in zip(order, answers, strict=True)
    ]


@pytest.fixture(scope="session")
def all_scenarios(tmp_path_factory):
    """One capture with the frames of all scenarios, so that connections and tuples pile up."""
    capture = tmp_path_factory.mktemp("sharkd") / "all-scenarios.pcap"
    frames = []
    for path in scenario_run.scenario_paths():
        frames += scenario.read_scenario(path, scenario.read_findings()).pcap_frames
    pcap.write_pcap(capture, frames)
    return capture


def check(wireshark, capture):
    expected = tshark_labels(wireshark.tshark, capture, "-2")
    assert any(expected.values()), "the capture shows nothing of the plugin"
    numbers = sorted(expected)
    order = random.Random(9293)
    if len(numbers) > MOST_FRAMES:
        numbers = order.sample(numbers, MOST_FRAMES)
    numbers = numbers * 2  # each frame twice, and what came between must not matter
    order.shuffle(numbers)
    for number, labels in sharkd_labels(wireshark, capture, numbers):
        assert labels == expected[number], f"frame {number}"


@pytest.mark.parametrize("capture", CAPTURES, ids=lambda path: path.name)
def test_random_access_shows_what_two_passes_show(wireshark, capture):
    check(wireshark, capture)


def test_random_access_in_all_scenarios_at_once(wireshark, all_scenarios):
    check(wireshark, all_scenarios)
