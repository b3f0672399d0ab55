"""What random events and patterns are made of: few words, so that they meet."""

from rules_by_the_page import Number

KEYS = ["a", "b", "c", "l", "p", "é", "", "a.b", "l.c", "p.a.b", "prefix", "B"]
ADDRESSES = [
    "10.0.0.1", "10.0.0.033", "10.0.1.255", "10.128.0.1", "192.168.1.7", "0.0.0.0", "255.255.255.255", "256.1.1.1",
    "10.1", "::1", "::", "2001:db8::1", "2001:0DB8:0:0::0001", "2001:db8:8000::", "fe80::1%eth0", "::ffff:10.0.0.1",
    "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7::", "1::2::3", "12:30"]
# Letters that one folding or another takes for the same.
LOOKALIKES = ["iIİı", "kK\u212a", "sSſ", "ßẞ", "Σσς", "ǆǅǄ", "éÉ", "𐐀𐐨", "\u00b5\u03bcΜ"]
STRINGS = [
    "", "a", "ab", "abc", "abd", "abcabc", "ABC", "aB", "b", "x", "xyz", "true", "null", "1", "1.0", "é", "É",
    "e\u0301", "caf\u00e9", "CAF\u00c9", "ß", "ẞ", "SS", "Σ", "σ", "ς", "İ", "i", "I", "ı", "\u212a", "k", "ſ",
    "s", "ǅ", "ǆ", "😀", "x😀", "x😁", "𐐀", "𐐨", "今日大雨", "大雨", "a*b", "a\\b", "*", "\\", 'a"b',
    "a\nb", "a/b", "a\u0000b", "Привет", "ПРИВЕТ", *ADDRESSES]
# Each list is one double in several spellings.
NUMBERS = [
    ["0", "-0", "0.0", "-0.0", "0e5", "1e-400"], ["1", "1.0", "1e0", "10e-1", "1.00E+0", "0.1e1"],
    ["5", "5.0", "50e-1"], ["-3", "-3.0", "-30E-1"], ["0.1", "0.10", "1e-1", "0.1000000000000000055"],
    ["100", "1e2", "1.0E+2"], ["9007199254740992", "9007199254740993", "9007199254740993.0", "9.007199254740992e15"],
    ["9007199254740994"], ["1e308", "1E+308", "10e307"], ["-1e308"], ["5e-324", "4.9e-324"],
    ["12345678901234567890", "12345678901234567891"], ["1598615831871", "1598615831871.0"]]
INFINITE = ["1e400", "10e399", "-1e400"]
DENSE_KEYS = ["a", "b", "c", "l", "a.b", "l.a"]
BLOCKS = [
    "10.0.0.0/8", "10.0.0.77/24", "10.0.0.0/31", "0.0.0.0/0", "192.168.0.0/16", "10.128.0.0/9", "010.0.0.0/08", "::/0",
    "2001:db8::/32", "2001:db8::/33", "::1/127", "::ffff:0:0/96", "fe80::/10"]

# Alternatives that no rule may have.
WRONG_ALTERNATIVES = [
    ["a"], [], {}, {"prefix": ["a"]}, {"prefix": Number("1")}, {"suffix": None}, {"PREFIX": "a"}, {"foo": "a"},
    {"prefix": "a", "suffix": "b"}, {"prefix": {"suffix": "a"}}, {"prefix": {"equals-ignore-case": ["a"]}},
    {"equals-ignore-case": ["a"]}, {"equals-ignore-case": Number("1")}, {"wildcard": "a**"}, {"wildcard": "a\\x"},
    {"wildcard": "a\\"}, {"wildcard": ["a*"]}, {"exists": "true"}, {"exists": Number("1")}, {"exists": None},
    {"numeric": Number("1")}, {"numeric": []}, {"numeric": ["="]}, {"numeric": ["=", "1"]},
    {"numeric": ["!=", Number("1")]}, {"numeric": ["<", Number("5"), ">", Number("0")]},
    {"numeric": [">", Number("5"), "<", Number("5.0")]}, {"numeric": ["=", Number("1"), "<", Number("3")]},
    {"numeric": [">", Number("1e400")]}, {"numeric": [">=", Number("0"), "<", Number("1"), "<", Number("2")]},
    {"anything-but": None}, {"anything-but": True}, {"anything-but": []}, {"anything-but": ["a", Number("1")]},
    {"anything-but": [None]}, {"anything-but": [["a"]]}, {"anything-but": Number("1e400")},
    {"anything-but": {"prefix": ""}}, {"anything-but": {"suffix": ["a", ""]}},
    {"anything-but": {"prefix": "a", "suffix": "b"}}, {"anything-but": {"numeric": [">", Number("1")]}},
    {"anything-but": {"anything-but": "a"}}, {"anything-but": {"cidr": "10.0.0.0/8"}},
    {"anything-but": {"wildcard": []}}, {"anything-but": {"wildcard": "**"}},
    {"anything-but": {"prefix": {"equals-ignore-case": "a"}}}, {"anything-but": {"prefix": ["a", Number("1")]}},
    {"anything-but": [{"prefix": "a"}]}, {"anything-but": {}}, {"cidr": "10.0.0.1"}, {"cidr": "10.0.0.0/33"},
    {"cidr": "10.0.0.0/32"}, {"cidr": "::/129"}, {"cidr": "::1/128"}, {"cidr": "10.0.0/8"}, {"cidr": "10.0.0.0/-1"},
    {"cidr": "a/8"}, {"cidr": "10.0.0.0/"}, {"cidr": ["10.0.0.0/8"]}]
OPERATORS = ["prefix", "suffix", "equals-ignore-case", "wildcard", "numeric", "exists", "anything-but", "cidr"]
