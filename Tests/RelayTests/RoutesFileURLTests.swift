import Testing

@testable import Relay

@Suite struct RoutesFileURLTests {
    @Test(arguments: [
        "https://crm.example.com", "HTTPS://CRM.example.com:443/x?y=z@1:2", "http://8.8.8.8:1/",
        "https://[2606:4700::1]:65535",
        "https://a_b.example./", "https://xn--bcher-kva.example/%7Bx%7D", "https://1and1.example/",
        "https://host?query",
    ])
    func usualURLsPass(url: String) {
        #expect(messages(routesText(url: "\"\(url)\"")) == [])
    }

    @Test(arguments: [
        ("", "the URL is empty"),
        ("/hook", "the URL must start with https:// or http://"),
        ("crm.example.com/x", "the URL must start with https:// or http://"),
        ("ftp://crm.example.com/", "the URL must start with https:// or http://"),
        ("file:///etc/passwd", "the URL must start with https:// or http://"),
        ("https:/crm.example.com", "the URL must start with https:// or http://"),
        ("https://", "the URL has no host"),
        ("https:///path", "the URL has no host"),
        ("https://:80/", "the URL has no host"),
        ("https://me:canary@a.example/", #"the URL holds a user or password before "@": use "auth": {"basic": …}"#),
        ("https://@a.example/", #"the URL holds a user or password before "@": use "auth": {"basic": …}"#),
        ("https://a.example/#canary", "the URL has a fragment (#…), which is never sent: remove it"),
        ("https://a.example:0/", "the URL's port must be a number from 1 to 65535"),
        ("https://a.example:65536/", "the URL's port must be a number from 1 to 65535"),
        ("https://a.example:/", "the URL's port must be a number from 1 to 65535"),
        ("https://a.example:8o/", "the URL's port must be a number from 1 to 65535"),
        ("https://a.example:+80/", "the URL's port must be a number from 1 to 65535"),
        (
            "https://bücher.example/",
            "the URL holds characters beyond ASCII: write the host as xn--… and the rest as %XX"
        ),
        ("https://a.example/ canary", "the URL holds a space, quote, backslash or angle bracket: write it as %XX"),
        (
            #"https://a.example\\@b.example/"#,
            "the URL holds a space, quote, backslash or angle bracket: write it as %XX"
        ),
        (#"https://a.example/\r\ncanary"#, "the URL holds a line break or another control character: remove it"),
        (#"https://a.example/\u0000canary"#, "the URL holds a line break or another control character: remove it"),
        (
            "https://a.example/{tracking}",
            "the URL holds a brace: write it as %7B or %7D (in a plain URL a template is ${…})"
        ),
        ("https://a%2eexample/", #"the URL's host may hold letters, digits, ".", "-" and "_" only"#),
        ("https://a..example/", "the URL's host has an empty or over-long label"),
        ("https://./", "the URL's host has an empty or over-long label"),
        ("https://[fe80::1%25lo]/", "the URL's IPv6 address has a zone: remove it"),
        ("https://[1.2.3.4]/", "what stands in the URL's brackets is not an IPv6 address"),
        ("https://[::1", "the URL's IPv6 address has no closing bracket"),
        ("https://[::1]x/", "the URL has text between its IPv6 address and the port"),
        ("http://2130706433/", "the URL's host looks like a number: write an IPv4 address as four decimal numbers"),
        ("http://0x7f.1/", "the URL's host looks like a number: write an IPv4 address as four decimal numbers"),
        ("http://127.1/", "the URL's host looks like a number: write an IPv4 address as four decimal numbers"),
        ("http://0177.0.0.1/", "the URL's host looks like a number: write an IPv4 address as four decimal numbers"),
        ("http://127.0.0.0x1/", "the URL's host looks like a number: write an IPv4 address as four decimal numbers"),
    ])
    func unusualURLsSayWhatToWrite(url: String, expected: String) {
        #expect(messages(routesText(url: "\"\(url)\"")) == ["error: destinations.crm.url: \(expected)"])
    }

    @Test(
        arguments: [
            ("127.0.0.1:8080", "10.0.0.0/8", "127.0.0.1/32"), ("10.1.2.3", "10.1.2.0/25", nil),
            ("10.1.2.200", "10.1.2.0/25", "10.1.2.200/32"), ("192.168.0.1", "192.168.0.1/32", nil),
            ("172.31.0.1", "172.16.0.0/13", "172.31.0.1/32"), ("100.64.0.1", "100.64.0.0/10", nil),
            ("[::1]", "127.0.0.0/8", "::1/128"), ("[fd00::5]:1", "fd00::/8", nil),
            ("[fd00::5]", "10.0.0.0/8", "fd00::5/128"),
            ("[::ffff:10.0.0.5]", "fd00::/8", "10.0.0.5/32"),
        ] as [(String, String, String?)])
    func privateAddressesNeedTheirLine(host: String, open: String, missing: String?) {
        let found = messages(
            routesText(destination: #""allowPrivate": ["\#(open)"]"#, url: "\"http://\(host)/canary\""))
        #expect(found.count == (missing == nil ? 0 : 1))
        if let missing { #expect(found.first?.contains(#"add "allowPrivate": ["\#(missing)"]"#) == true) }
    }

    @Test(arguments: ["localhost", "LOCALHOST.", "relay.localhost:99"])
    func localhostNeedsALoopbackNetwork(host: String) {
        let url = "\"http://\(host)/canary\""
        let closed = messages(routesText(destination: #""allowPrivate": ["10.0.0.0/8"]"#, url: url))
        #expect(
            closed == [
                "error: destinations.crm.url: localhost is a loopback address; to allow it add "
                    + #""allowPrivate": ["127.0.0.1/32", "::1/128"] to the destination"#
            ])
        #expect(messages(routesText(destination: #""allowPrivate": ["127.0.0.0/8"]"#, url: url)) == [])
        #expect(messages(routesText(destination: #""allowPrivate": ["::1/128"]"#, url: url)) == [])
    }

    @Test(arguments: ["169.254.169.254", "0.0.0.0", "224.0.0.1", "[fe80::1]", "[fd00:ec2::254]", "[::]"])
    func someAddressesAreNeverOpen(host: String) {
        let opened = #""allowPrivate": ["10.0.0.0/8", "fc00::/7", "127.0.0.0/8"]"#
        let found = messages(routesText(destination: opened, url: "\"http://\(host)/\""))
        #expect(found.count == 1 && found[0].hasSuffix("is never sent to"))
    }
}
