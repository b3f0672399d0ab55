import Signatures
import Testing

@testable import Relay

@Suite struct RoutesFileSecretTests {
    private static let canary = "CANARYCANARYCANARYCANARY"

    @Test(arguments: [
        ("\(canary)\n", canary), ("\(canary)\r\n", canary), ("\(canary)", canary), ("\(canary) ", "\(canary) "),
    ])
    func oneLineEndIsRemoved(content: String, token: String) throws {
        let text = routesText(destination: #""auth": {"bearer": {"env": "T"}}"#)
        let (configuration, lines) = try resolved(text, ["KEY": longKey, "T": Array(content.utf8)])
        #expect(lines == [])
        #expect(configuration?.destinations["crm"]?.headers[0].value == "Bearer " + token)
    }

    /// Each secret in each place where it does not belong, and no finding holds it.
    @Test(arguments: [
        (
            #""auth": {"bearer": {"env": "T"}}"#, "\(canary)\n\n", "auth.bearer: ",
            "cannot be sent: a header may not hold a line break: remove it"
        ),
        (
            #""auth": {"bearer": {"env": "T"}}"#, "\(canary)\r\nX-Injected: 1", "auth.bearer: ",
            "cannot be sent: a header may not hold a line break: remove it"
        ),
        (
            #""auth": {"bearer": {"env": "T"}}"#, "\(canary)\u{0}", "auth.bearer: ",
            "cannot be sent: a header may not hold NUL: remove it"
        ),
        (
            #""headers": {"X-A": {"env": "T", "prefix": "p"}}"#, "\(canary)é", "headers.X-A: ",
            "cannot be sent: a header may hold visible ASCII, spaces and tabs only"
        ),
        (#""headers": {"X-A": {"env": "T"}}"#, "\r\n", "headers.X-A: ", "is empty"),
        (
            #""headers": {"X-A": {"env": "T", "encoding": "hex"}}"#, canary, "headers.X-A: ",
            #"is not written in hex, as "encoding" says"#
        ),
        (
            #""headers": {"X-A": {"env": "T", "encoding": "base64"}}"#, "\(canary)!", "headers.X-A: ",
            #"is not written in base64, as "encoding" says"#
        ),
        (
            #""sign": {"scheme": "github", "keys": [{"env": "T"}]}"#, "CANARYCANARYCAN", "sign.keys[0]: ",
            "has 15 bytes, a key needs at least 16: make one with `openssl rand -hex 32`"
        ),
        (
            #""sign": {"scheme": "standard-webhooks", "keys": [{"env": "KEY"}, {"env": "T"}]}"#,
            "whsec_CANARYCANARYCANARYCANARY!",
            "sign.keys[1]: ", "has something else than base64 behind whsec_: copy it again"
        ),
        (
            #""sign": {"scheme": "standard-webhooks", "keys": [{"env": "T"}]}"#, "whsec_CANARYCANARYCANARYCA",
            "sign.keys[0]: ", "has 15 bytes, a key needs at least 16: make one with `openssl rand -hex 32`"
        ),
        (
            #""sign": {"scheme": "standard-webhooks", "keys": [{"env": "T"}]}"#, "whsk_\(canary)!", "sign.keys[0]: ",
            "has something else than base64 behind whsk_: copy it again"
        ),
        (
            #""sign": {"scheme": "standard-webhooks", "keys": [{"env": "KEY"}, {"env": "T"}]}"#, "whsk_CANARYCANARY",
            "sign.keys[1]: ",
            "has 9 bytes behind whsk_, a private key has 32 or 64: copy it again, or make a new one with "
                + "`gruveo-relay keygen --ed25519`"
        ),
        (
            #""sign": {"scheme": "standard-webhooks", "keys": [{"env": "T"}]}"#, "whpk_CANARY", "sign.keys[0]: ",
            "is a public key (whpk_), which only verifies: put the private key here, which begins with whsk_"
        ),
        (
            #""sign": {"scheme": "github", "keys": [{"env": "T"}]}"#, "whsk_\(canary)", "sign.keys[0]: ",
            #"is a key of Ed25519 (whsk_ or whpk_), with which only the scheme "standard-webhooks" signs: "#
                + "change the scheme, or make a key with `openssl rand -hex 32`"
        ),
    ])
    func aFaultySecretIsReportedAtItsReferenceWithoutIt(
        member: String, content: String, place: String, expected: String
    ) throws {
        let text = routesText(destination: member)
        let (configuration, lines) = try resolved(text, ["KEY": longKey, "T": Array(content.utf8)])
        #expect(configuration == nil)
        #expect(lines.count == 1)
        #expect(lines[0].hasPrefix("routes.json:3:"))
        #expect(lines[0].hasSuffix(#": error: destinations.crm.\#(place)the environment variable "T" \#(expected)"#))
        #expect(!lines[0].contains("CANARY"))
    }

    @Test(arguments: [
        "http://CANARY@h.example/", "CANARY", "ftp://CANARY", "https://a.example/CANARY#CANARY",
        "https://CANARY:CANARY/",
        "https://a.example/CANARY CANARY", "https://a.example/\r\nCANARY", "https://a.example/\u{0}CANARY",
        "https://[CANARY]/", "https://CANARY%/", "https://é/CANARY", "https://127.0.0.1/CANARY",
        "http://localhost/CANARY",
        "http://169.254.1.1/CANARY", "https://0x7f.1/CANARY",
    ])
    func aFaultySecretURLIsReportedWithoutIt(url: String) throws {
        let text = routesText(url: #"{"credential": "U"}"#)
        let (configuration, lines) = try resolved(text, ["KEY": longKey, "U": Array(url.utf8)])
        #expect(configuration == nil)
        #expect(lines.count == 1 && !lines[0].contains("CANARY"))
        #expect(lines[0].hasPrefix("routes.json:3:33: error: destinations.crm.url: "))
    }

    /// The canary stands plainly wherever a file can hold a text that should have been a secret.
    @Test func aPlainSecretIsInNoFinding() {
        let places = [
            routesText(source: #""keys": ["CANARY"]"#), routesText(source: #""keys": "CANARY""#),
            routesText(source: #""keys": {"a": "CANARY"}"#), routesText(source: #""keys": [["CANARY"]]"#),
            routesText(destination: #""sign": "CANARY""#), routesText(destination: #""sign": {"keys": ["CANARY"]}"#),
            routesText(destination: #""sign": {"scheme": "github", "keys": "CANARY"}"#),
            routesText(destination: #""auth": "CANARY""#), routesText(destination: #""auth": {"bearer": "CANARY"}"#),
            routesText(destination: #""auth": {"basic": {"user": "u:CANARY", "password": "CANARY"}}"#),
            routesText(destination: #""headers": {"Authorization": "Bearer CANARY\n"}"#),
            routesText(destination: #""headers": ["CANARY"]"#),
            routesText(url: #""https://a.example/CANARY#CANARY""#), routesText(url: #""https://u:CANARY@a.example""#),
            routesText(url: #""http://10.0.0.1/CANARY""#), routesText(url: #""CANARY""#),
            routesText(url: #"["CANARY"]"#),
        ]
        for text in places {
            let lines = findingLines(text)
            #expect(!lines.isEmpty && lines.allSatisfy { !$0.contains("CANARY") }, "\(lines)")
        }
    }

    @Test func aShortKeyOfASourceIsRefused() throws {
        let (configuration, lines) = try resolved(routesText(), ["KEY": Array("123456789012345\n".utf8)])
        #expect(configuration == nil)
        #expect(
            lines == [
                #"routes.json:2:48: error: sources.gruveo.keys[0]: the environment variable "KEY" has 15 bytes, "#
                    + "a key needs at least 16: make one with `openssl rand -hex 32`"
            ])
    }

    @Test func allMissingSecretsAreReportedAndEachIsAskedForOnce() throws {
        let text = routesText(
            destination: #""headers": {"X-A": {"env": "T"}, "X-B": {"env": "T"}}, "auth": {"bearer": {"file": "t"}}"#)
        let file = try #require(RoutesFile.decode(Array(text.utf8)).file)
        let asked = Counter()
        let (configuration, findings) = file.resolve(directory: "/") { reference in
            asked.references.append(reference)
            return .failure(SecretFault(reason: "it is not there"))
        }
        #expect(configuration == nil)
        #expect(asked.references.count == 3 && Set(asked.references).count == 3)
        #expect(
            findings.map { $0.line(file: "r") } == [
                #"r:2:48: error: sources.gruveo.keys[0]: the environment variable "KEY" cannot be read: it is "#
                    + #"not there"#,
                #"r:3:45: error: destinations.crm.headers.X-A: the environment variable "T" cannot be read: it "#
                    + #"is not there"#,
                #"r:3:66: error: destinations.crm.headers.X-B: the environment variable "T" cannot be read: it "#
                    + #"is not there"#,
                #"r:3:100: error: destinations.crm.auth.bearer: the file "t" cannot be read: it is not there"#,
            ])
    }

    private final class Counter {
        var references: [SecretReference] = []
    }

    @Test func withoutSecretsAConfigurationCanStillBeShown() throws {
        let text = routesText(
            destination: #"""
                "headers": {"X-A": {"env": "T", "prefix": "p "}},
                "auth": {"basic": {"user": "u", "password": {"env": "P"}}},
                "sign": {"scheme": "github", "keys": [{"env": "S"}]}
                """#, url: #"{"credential": "U"}"#)
        let (configuration, lines) = try resolved(text, [:], unreadable: .note)
        #expect(lines.count == 5 && lines.allSatisfy { $0.contains(": note: ") })
        let crm = try #require(configuration?.destinations["crm"])
        #expect(crm.url == "https://secret.invalid/")
        #expect(crm.headers.map(\.value) == ["Basic <redacted>", "<redacted>"])
        #expect(crm.signer?.scheme == .github)
        #expect(configuration?.sources[0].verifier.keys.isEmpty == true)
    }

    @Test func aReadableSecretThatIsTooShortIsAnErrorForCheckToo() throws {
        let (configuration, lines) = try resolved(routesText(), ["KEY": [1]], unreadable: .note)
        #expect(configuration == nil && lines.count == 1 && lines[0].contains(": error: "))
    }

    @Test func faultsOfTheFileAndOfItsSecretsAreReportedTogether() {
        let text = routesText(
            destination: #""timout": "1s", "sign": {"scheme": "github", "keys": [{"env": "S"}, {"env": "S"}]}"#)
        let (configuration, findings) = RoutesFile.load(Array(text.utf8), directory: "/") { _ in
            .success(SecretContent([1]))
        }
        #expect(configuration == nil)
        #expect(
            findings.map { "\($0.position) \($0.path): \($0.message)" } == [
                #"2:48 sources.gruveo.keys[0]: the environment variable "KEY" has 1 byte, "#
                    + "a key needs at least 16: make one with `openssl rand -hex 32`",
                #"3:26 destinations.crm: unknown key "timout", did you mean "timeout"?"#,
                #"3:79 destinations.crm.sign.keys: the scheme "github" signs with one key: leave one here"#,
            ])
        let good = RoutesFile.load(Array(routesText().utf8), directory: "/") { _ in .success(SecretContent(longKey)) }
        #expect(good.configuration != nil && good.findings == [])
    }

    @Test func aWarningAboutThePlaceIsPassedOn() throws {
        let file = try #require(RoutesFile.decode(Array(routesText().utf8)).file)
        let (configuration, findings) = file.resolve(directory: "/") { _ in
            .success(SecretContent(longKey, warning: "all users can read it"))
        }
        #expect(configuration != nil)
        #expect(
            findings.map { $0.line(file: "r") } == [
                #"r:2:48: warning: sources.gruveo.keys[0]: the environment variable "KEY": all users can read it"#
            ])
    }

    @Test func keysAreDecodedAsDeclared() throws {
        let body = Array("{}".utf8)
        let key = Array(0..<16) as [UInt8]
        let texts = [
            (#"{"env": "K", "encoding": "hex"}"#, "000102030405060708090a0b0c0d0e0f\n"),
            (#"{"env": "K", "encoding": "base64"}"#, "AAECAwQFBgcICQoLDA0ODw==\n"),
        ]
        for (reference, content) in texts {
            let text = routesText(destination: #""sign": {"scheme": "gruveo", "keys": [\#(reference)]}"#)
            let signer = try resolved(text, ["KEY": longKey, "K": Array(content.utf8)])
                .configuration?.destinations["crm"]?.signer
            let wanted = Hex.encode(HMACKey(Secret(key)).authenticate(body))
            #expect(signer?.headers(id: "", timestampSeconds: 0, body: body).map(\.value) == [wanted])
        }
    }
}
