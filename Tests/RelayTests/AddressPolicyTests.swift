import Glibc
import Testing

@testable import Relay

struct AddressTextTests {
    /// What Python's ipaddress reads, by `ip_address(text).packed.hex()`; an empty string where it refuses.
    static let pythonReads: [(String, String)] = [
        ("0.0.0.0", "00000000"), ("1.2.3.4", "01020304"), ("255.255.255.255", "ffffffff"), ("127.0.0.1", "7f000001"),
        ("256.1.1.1", ""), ("1.2.3", ""), ("1.2.3.4.5", ""), ("01.2.3.4", ""), ("1..2.3", ""), ("1.2.3.4 ", ""),
        ("0x7f.0.0.1", ""), ("2130706433", ""), ("127.1", ""), ("+1.2.3.4", ""), ("1.2.3.0004", ""), ("", ""),
        ("::", "00000000000000000000000000000000"), ("::1", "00000000000000000000000000000001"),
        ("1::", "00010000000000000000000000000000"), ("1:2:3:4:5:6:7:8", "00010002000300040005000600070008"),
        ("1:2:3:4:5:6:7::", "00010002000300040005000600070000"),
        ("::2:3:4:5:6:7:8", "00000002000300040005000600070008"),
        ("fe80::1", "fe800000000000000000000000000001"), ("ABCD:ef01::", "abcdef01000000000000000000000000"),
        ("::ffff:1.2.3.4", "00000000000000000000ffff01020304"),
        ("64:ff9b::8.8.8.8", "0064ff9b000000000000000008080808"),
        ("1:2:3:4:5:6:1.2.3.4", "00010002000300040005000601020304"), ("0001::", "00010000000000000000000000000000"),
        ("1:2:3:4:5:6:7:8::", ""), ("::1:2:3:4:5:6:7:8", ""), ("1::2:3:4:5:6:7:8", ""), ("1::2::3", ""), (":::", ""),
        (":", ""), (":1", ""), ("1:", ""), ("1:2:3:4:5:6:7", ""), ("1:2:3:4:5:6:7:8:9", ""), ("12345::", ""),
        ("g::", ""), ("::1.2.3", ""), ("1.2.3.4::", ""), ("::1.2.3.4:5", ""), ("1:2:3:4:5:6:7:1.2.3.4", ""),
        ("::01.2.3.4", ""),
        ("[::1]", ""), ("::1:", ""), (":1::", ""), ("1:::2", ""),
    ]

    @Test(arguments: pythonReads) func readsWhatPythonReads(text: String, packed: String) {
        let hexadecimal = AddressText.parse(text)?.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        #expect((hexadecimal ?? "") == packed)
    }

    @Test func readsExactlyWhatTheSystemReads() {
        var random = SystemRandomNumberGenerator()
        let alphabet = Array("0123456789abfF:::..")
        let seeds = AddressTextTests.pythonReads.map { Array($0.0) }
        for _ in 0..<20_000 {
            var text = seeds[Int.random(in: 0..<seeds.count, using: &random)]
            for _ in 0..<Int.random(in: 0...2, using: &random) {
                let place = Int.random(in: 0...text.count, using: &random)
                let letter = alphabet[Int.random(in: 0..<alphabet.count, using: &random)]
                if place < text.count, Bool.random(using: &random) {
                    text[place] = letter
                } else {
                    text.insert(letter, at: place)
                }
            }
            #expect(AddressText.parse(String(text)) == systemReads(String(text)), "\(String(text))")
        }
    }

    private func systemReads(_ text: String) -> [UInt8]? {
        let isIPv6 = text.contains(":")
        var bytes = [UInt8](repeating: 0, count: isIPv6 ? 16 : 4)
        return inet_pton(isIPv6 ? AF_INET6 : AF_INET, text, &bytes) == 1 ? bytes : nil
    }

    @Test(arguments: [
        ("10.0.0.5", "10.0.0.5"), ("::", "::"), ("::1", "::1"), ("1::", "1::"), ("fd00:0:0:1::5", "fd00:0:0:1::5"),
        ("1:0:0:2:0:0:0:3", "1:0:0:2::3"), ("1:0:2:0:3:0:4:0", "1:0:2:0:3:0:4:0"),
        ("::FFFF:10.0.0.5", "::ffff:10.0.0.5"),
        ("2001:0DB8::00a1", "2001:db8::a1"),
    ])
    func writesTheCanonicalForm(text: String, canonical: String) throws {
        #expect(AddressText.format(try #require(AddressText.parse(text))) == canonical)
    }

    @Test(arguments: ["10.0.0.0/8", "0.0.0.0/0", "10.0.0.5/32", "fd00::/8", "::/0", "::1/128", "192.168.128.0/17"])
    func readsBlocks(text: String) throws {
        #expect(try #require(AddressBlock.parse(text)).description == text)
    }

    @Test(arguments: [
        "10.0.0.0", "10.0.0.0/", "/8", "10.0.0.0/33", "::/129", "10.0.0.5/8", "10.0.0.0/08", "10.0.0.0/-1",
        "10.0.0.0/8 ",
        "10.0/8", "::1/127", "10.0.0.0/8/8", "fe80::1%lo/128",
    ])
    func refusesWhatIsNoBlock(text: String) { #expect(AddressBlock.parse(text) == nil) }
}

struct AddressPolicyTests {
    private func verdict(_ text: String, _ allowed: String...) throws -> AddressPolicy.Verdict {
        let blocks = try allowed.map { try #require(AddressBlock.parse($0)) }
        return AddressPolicy.verdict(try #require(AddressText.parse(text)), allowPrivate: blocks)
    }

    @Test(arguments: [
        "8.8.8.8", "1.1.1.1", "172.15.255.255", "172.32.0.0", "100.63.255.255", "100.128.0.0", "11.0.0.0",
        "126.255.255.255",
        "198.17.255.255", "198.20.0.0", "192.0.1.0", "223.255.255.255", "169.253.255.255", "192.169.0.0",
        "2606:4700::1111", "2a00:1450::1", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2001:4860::8888",
        "192.0.3.0", "198.51.101.0", "203.0.112.255", "2001:200::", "2001:db9::", "2003::", "3fff:1000::", "5f01::",
    ])
    func permitsPublicAddresses(text: String) throws { #expect(try verdict(text) == .permitted) }

    @Test(arguments: [
        "127.0.0.1", "127.255.255.255", "10.0.0.5", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1",
        "100.127.255.255", "::1", "fc00::1", "fd00::5", "::ffff:127.0.0.1", "::ffff:10.0.0.5",
    ])
    func closesPrivateNetworksUntilTheyAreOpened(text: String) throws {
        #expect(try verdict(text) == .closedPrivate)
        #expect(try verdict(text, "0.0.0.0/0", "::/0") == .permitted)
        #expect(try verdict(text, "8.0.0.0/8", "2001::/16") == .closedPrivate)
    }

    @Test(arguments: [
        "0.0.0.0", "0.1.2.3", "169.254.169.254", "192.0.0.1", "198.18.0.1", "198.19.255.255", "224.0.0.1", "239.1.1.1",
        "240.0.0.1", "255.255.255.255", "::", "fe80::1", "febf::1", "fec0::1", "ff02::1", "fd00:ec2::254",
        "::ffff:169.254.169.254", "::ffff:0.0.0.0", "::7f00:1", "::10.0.0.5", "64:ff9b::127.0.0.1", "64:ff9b::10.0.0.5",
        "64:ff9b::169.254.169.254", "64:ff9b:1::1", "64:ff9b::192.0.2.1", "192.0.2.1", "198.51.100.1", "203.0.113.255",
        "::ffff:203.0.113.1", "100::1", "2001:1ff::1", "2001:db8::1", "3fff::1", "5f00::1", "2002:808:808::1",
        "2001:0:808:808::f7f7:f7f7", "2002:7f00:1::", "2002:a00:5::1", "2002:a9fe:a9fe::",
        "2001:0:7f00:1::f7f7:f7f7", "2001:0:808:808::80ff:fffe", "2001:0:808:808::f5ff:fffa",
    ])
    func deniesWhateverTheRoutesFileSays(text: String) throws {
        #expect(try verdict(text) == .denied)
        #expect(try verdict(text, "0.0.0.0/0", "::/0", "10.0.0.0/8", "127.0.0.0/8") == .denied)
    }

    @Test func opensOnlyTheBlocksThatAreNamed() throws {
        #expect(try verdict("10.0.0.5", "10.0.0.4/31") == .permitted)
        #expect(try verdict("10.0.0.6", "10.0.0.4/31") == .closedPrivate)
        #expect(try verdict("::ffff:10.0.0.5", "10.0.0.5/32") == .permitted)
        #expect(try verdict("10.0.0.5", "::ffff:10.0.0.0/104") == .permitted)
        #expect(try verdict("::1", "127.0.0.0/8") == .closedPrivate)
        #expect(try verdict("127.0.0.1", "::1/128") == .closedPrivate)
    }

    @Test func refusesWhatIsNoAddress() {
        #expect(!AddressPolicy.permits([], allowPrivate: []))
        #expect(!AddressPolicy.permits([8, 8, 8], allowPrivate: []))
    }

    @Test func theRefusalNamesTheLineToAdd() throws {
        let text = { (text: String) in AddressPolicy.refusal(of: try #require(AddressText.parse(text))) }
        #expect(try text("10.0.0.5").contains(#""allowPrivate": ["10.0.0.5/32"]"#))
        #expect(try text("::ffff:10.0.0.5").contains(#""allowPrivate": ["10.0.0.5/32"]"#))
        #expect(try text("fd00::5").contains(#""allowPrivate": ["fd00::5/128"]"#))
        #expect(try text("169.254.169.254") == "the address 169.254.169.254 is never sent to")
    }
}
