"""The address policy against Python's `ipaddress`: it may be stricter, for the reasons listed here, and never laxer.

ADDRESSES_SEED=N repeats a run.
"""

import ipaddress
import os
import pathlib
import random
import subprocess
import time

import pytest

from harness import BINARY

pytestmark = pytest.mark.release

TOOL = pathlib.Path(BINARY).parent / "AddressAnswers"
COUNT = 100_000

# As docs/configuration.md lists them for `allowPrivate`.
PRIVATE = [ipaddress.ip_network(text) for text in (
    "127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "::1/128", "fc00::/7")]
METADATA = ipaddress.ip_address("fd00:ec2::254")

# What `is_global` lets through, in one version of Python or another, and the policy does not.
STRICTER = {
    "multicast is no place for a webhook": ["224.0.0.0/4", "ff00::/8"],
    "for protocols, of which older versions of Python know a part and newer ones two exceptions": ["192.0.0.0/24"],
    "parts of it are for protocols that no webhook speaks": ["2001::/23"],
    "the IPv4 address in it stands where each network wants": ["64:ff9b:1::/48"],
    "6to4, given up by RFC 7526": ["2002::/16"],
    "site-local, given up by RFC 3879": ["fec0::/10"],
    "newer than Python's list: documentation and segment routing": ["3fff::/20", "5f00::/16"],
}
STRICTER = {reason: [ipaddress.ip_network(text) for text in texts] for reason, texts in STRICTER.items()}
# Behind a translator an address reaches the IPv4 address in its last four bytes, which counts as well.
TRANSLATED = [ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("::/96")]

# Where something begins and ends, by the registries of IANA and by what the policy says of itself.
EDGES = [*PRIVATE, *TRANSLATED, *sum(STRICTER.values(), [])] + [ipaddress.ip_network(text) for text in (
    "0.0.0.0/8", "169.254.0.0/16", "192.0.0.0/24", "192.0.0.0/29", "192.0.0.170/31", "192.0.2.0/24", "192.31.196.0/24",
    "192.52.193.0/24", "192.88.99.0/24", "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
    "240.0.0.0/4", "255.255.255.255/32", "8.8.8.0/24", "::/128", "::ffff:0:0/96", "100::/64", "2001::/32",
    "2001:1::1/128", "2001:1::2/128", "2001:2::/48", "2001:3::/32", "2001:4:112::/48", "2001:10::/28", "2001:20::/28",
    "2001:db8::/32", "2620:4f:8000::/48", "fe80::/10", "fd00:ec2::/32", "fd00:ec2::254/128", "2606:4700::/32",
    "2000::/3")]


def near(network, chance):
    """An address in a network, at one of its ends or right beside it."""
    first, last = int(network.network_address), int(network.broadcast_address)
    wanted = chance.choice([first, last, first - 1, last + 1, chance.randint(first, last)])
    return type(network.network_address)(wanted % (1 << network.max_prefixlen))


def wrapped(address, chance):
    """An IPv4 address as IPv6 carries it: mapped, compatible, NAT64 (both prefixes), 6to4, Teredo server and client."""
    number, noise = int(address), chance.getrandbits(16)
    return ipaddress.IPv6Address(chance.choice([
        0xFFFF << 32 | number, number, 0x64FF9B << 96 | number, 0x64FF9B0001 << 80 | number,
        0x2002 << 112 | number << 80 | noise, 0x20010000 << 96 | number << 64 | noise << 32 | 0xF7F7F7F7,
        0x20010000 << 96 | 0x08080808 << 64 | noise << 32 | number ^ 0xFFFFFFFF]))


def addresses(chance):
    for _ in range(COUNT // 5):
        yield ipaddress.IPv4Address(chance.getrandbits(32))
        yield ipaddress.IPv6Address(chance.getrandbits(128))
        yield (edge := near(chance.choice(EDGES), chance))
        four = edge if edge.version == 4 else near(chance.choice([one for one in EDGES if one.version == 4]), chance)
        yield wrapped(four, chance)
        yield wrapped(ipaddress.IPv4Address(chance.getrandbits(32)), chance)


def verdicts(asked):
    assert TOOL.exists(), f"{TOOL} is missing: swift build --product AddressAnswers"
    lines = "".join(f"{address}\n" for address in asked)
    return subprocess.run(
        [TOOL], input=lines, capture_output=True, text=True, timeout=300, check=True).stdout.splitlines()


def reached(address):
    """A connection to a mapped address is one to the IPv4 address in it; older versions of Python judge the wrapping."""
    return getattr(address, "ipv4_mapped", None) or address


def is_global(address):
    """Whether Python lets through what the address reaches, behind a translator too."""
    target = reached(address)
    inner = [ipaddress.IPv4Address(int(target) & 0xFFFFFFFF) for network in TRANSLATED if target in network]
    return all(one.is_global for one in [target, *inner])


def reason(address):
    """Why the policy may close an address that Python lets through; None where nothing allows it."""
    target = reached(address)
    inner = [ipaddress.IPv4Address(int(target) & 0xFFFFFFFF) for network in TRANSLATED if target in network]
    return next((why for why, networks in STRICTER.items()
                 if any(one in network for one in [target, *inner] for network in networks)), None)


def differences(asked, answers):
    """What no reason explains, and how often each reason was needed."""
    assert len(asked) == len(answers)
    wrong, used = [], dict.fromkeys(STRICTER, 0)
    for address, answer in zip(asked, answers):
        target = reached(address)
        is_private = target != METADATA and any(target in network for network in PRIVATE)
        if answer == "permitted" and not is_global(address):
            wrong.append(f"{address} is let through and not global")
        elif (answer == "closedPrivate") != is_private or answer == "unreadable":
            wrong.append(f"{address} is {answer}")
        elif answer == "denied" and is_global(address):
            if why := reason(address):
                used[why] += 1
            else:
                wrong.append(f"{address} is denied, and Python calls it global")
    return wrong, used


@pytest.fixture
def asked():
    seed = int(os.environ.get("ADDRESSES_SEED", time.time_ns() % 1_000_000_000))
    print(f"ADDRESSES_SEED={seed}")
    return list(addresses(random.Random(seed)))


def test_the_policy_is_never_laxer_than_python(asked):
    answers = verdicts(asked)
    wrong, used = differences(asked, answers)
    assert not wrong, f"{len(wrong)} differences:\n" + "\n".join(sorted(set(wrong))[:40])
    assert answers.count("permitted") > COUNT / 10 and answers.count("closedPrivate") > COUNT / 100
    # Each version of Python knows another part of the list; this much all of them leave to us.
    assert used["multicast is no place for a webhook"] > 100, used


def test_a_policy_that_is_laxer_or_stricter_is_seen(asked):
    assert len(differences(asked, ["permitted"] * COUNT)[0]) > COUNT / 10
    assert len(differences(asked, ["denied"] * COUNT)[0]) > COUNT / 10
    assert len(differences(asked, ["closedPrivate"] * COUNT)[0]) > COUNT / 10
