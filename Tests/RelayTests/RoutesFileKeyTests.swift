import JSON
import Signatures
import Testing

@testable import Relay

@Suite struct RoutesFileKeyTests {
    static let everyKey = """
        {
          "$schema": "./routes.schema.json",
          "sources": {
            "gruveo": {
              "path": "/webhooks/gruveo",
              "keys": [
                {"credential": "new", "encoding": "hex"}, {"env": "OLD", "label": "old"},
                {"file": "keys/older", "encoding": "base64", "prefix": "p-"}
              ],
              "dedupe": "12h", "maxBody": 1000, "maxAge": "3d"
            },
            "2nd.source_x-y": {"path": "/b", "keys": [{"env": "OLD", "encoding": "text"}], "dedupe": false}
          },
          "destinations": {
            "crm": {
              "url": "https://crm.example.com:8443/api/calls?x=1", "method": "PUT",
              "headers": {"X-Team": "sales", "X-Token": {"env": "TOKEN", "prefix": "t "}},
              "auth": {"bearer": {"credential": "bearer"}},
              "sign": {"scheme": "hmac", "keys": [{"env": "OLD"}], "header": "X-Signature", "prefix": "v=",
                       "encoding": "base64"},
              "timeout": "2s", "retry": {"schedule": ["5s", "5m"], "for": "80h"}, "concurrency": 3, "rate": "100/h",
              "outcomes": {"404": "dead", "4xx": "retry", "200": "delivered", "503": "held"},
              "tls": {"ca": "/etc/ssl/ca.pem", "certificate": "client.pem", "key": "client.key"},
              "allowPrivate": ["10.0.0.0/8", "fd00::/8"]
            },
            "log": {
              "url": {"credential": "url", "prefix": "https://"},
              "auth": {"basic": {"user": "me", "password": {"env": "PASSWORD"}}},
              "sign": {"scheme": "standard-webhooks", "keys": [{"env": "WHSEC"}, {"env": "OLD"}]}
            },
            "hub": {"url": "http://[::1]:8080/", "allowPrivate": ["::1/128"],
                    "sign": {"scheme": "github", "keys": [{"env": "OLD"}]}},
            "old": {"url": "http://localhost:8080/", "allowPrivate": ["127.0.0.0/8"],
                    "sign": {"scheme": "gruveo", "keys": [{"env": "OLD"}]}, "retry": {"schedule": []}, "ordered": true}
          },
          "routes": [
            {"name": "sales", "match": {"link": ["@sales"]}, "to": ["crm", "log"], "from": ["gruveo"]},
            {"name": "rest", "match": "otherwise", "to": ["old"]}
          ],
          "limits": {"retention": "2d", "freeSpace": 1000000, "backlog": 5000, "drain": "20s"}
        }
        """

    static let secrets: [String: [UInt8]] = [
        "new": Array("00112233445566778899AABBccddeeff\r\n".utf8), "OLD": longKey,
        "keys/older": Array("AAECAwQFBgcICQoLDA0ODw==\n".utf8), "TOKEN": Array("canary".utf8),
        "bearer": Array("token\n".utf8), "url": Array("hooks.example.com/services/T0".utf8),
        "PASSWORD": Array("pass:word".utf8), "WHSEC": Array("whsec_MDEyMzQ1Njc4OWFiY2RlZg==\n".utf8),
    ]

    @Test func everyKeyIsTakenOver() throws {
        let (configuration, lines) = try resolved(Self.everyKey, Self.secrets)
        #expect(lines == [])
        let result = try #require(configuration)
        let sources = result.sources
        #expect(sources.map(\.name) == ["gruveo", "2nd.source_x-y"])
        #expect(sources.map(\.path) == ["/webhooks/gruveo", "/b"])
        #expect(sources.map(\.dedupeMilliseconds) == [43_200_000, nil])
        #expect(sources.map(\.maxBody) == [1000, 262_144])
        #expect(sources.map(\.maxAgeMilliseconds) == [259_200_000, nil])
        #expect(sources[0].verifier.keys.map(\.label) == ["new", "old", "keys/older"])
        var limits = Limits()
        (limits.retentionMilliseconds, limits.freeSpaceBytes, limits.backlog) = (172_800_000, 1_000_000, 5000)
        limits.drainMilliseconds = 20_000
        #expect(result.limits == limits)
        #expect(result.router.routes.map(\.name) == ["sales", "rest"])
        #expect(result.router.routes.map(\.destinations) == [["crm", "log"], ["old"]])
        #expect(result.router.routes.map(\.sources) == [["gruveo"], nil])
    }

    @Test func everyKeyOfADestinationIsTakenOver() throws {
        let destinations = try #require(try resolved(Self.everyKey, Self.secrets).configuration?.destinations)
        let crm = try #require(destinations["crm"])
        #expect(crm.method == "PUT" && crm.url == "https://crm.example.com:8443/api/calls?x=1")
        #expect(crm.headers.map(\.name) == ["Authorization", "X-Team", "X-Token"])
        #expect(crm.headers.map(\.value) == ["Bearer token", "sales", "t canary"])
        #expect(crm.headers.map(\.isSecret) == [true, false, true])
        #expect(crm.signer?.scheme == .hmac(header: "X-Signature", prefix: "v=", encoding: .base64))
        #expect(crm.options.timeoutMilliseconds == 2000 && crm.options.connectTimeoutMilliseconds == 2000)
        #expect(crm.options.allowPrivate == ["10.0.0.0/8", "fd00::/8"].compactMap(AddressBlock.parse))
        #expect(crm.options.caFile == "/etc/ssl/ca.pem" && crm.options.certificateFile == "/etc/relay/client.pem")
        #expect(crm.options.keyFile == "/etc/relay/client.key")
        #expect(crm.retry == RetrySchedule(waitsMilliseconds: [5000, 300_000], budgetMilliseconds: 288_000_000))
        #expect(
            crm.overrides
                == OutcomeOverrides(exact: [404: .dead, 200: .delivered, 503: .held], classes: [4: .retry]))
        #expect(crm.concurrency == 3 && crm.rate == Rate(requests: 100, periodMilliseconds: 3_600_000))
    }

    @Test func whatIsLeftOutHasItsDefault() throws {
        let destinations = try #require(try resolved(Self.everyKey, Self.secrets).configuration?.destinations)
        let log = try #require(destinations["log"])
        #expect(log.method == "POST" && log.url == "https://hooks.example.com/services/T0")
        #expect(log.headers.map(\.value) == ["Basic bWU6cGFzczp3b3Jk"] && log.headers[0].isSecret)
        #expect(log.signer?.scheme == .standardWebhooks && log.retry == .standard && log.concurrency == 8)
        #expect(log.options == TransferOptions() && log.overrides == OutcomeOverrides())
        #expect(log.rate == nil && !log.isOrdered)
        #expect(destinations["hub"]?.signer?.scheme == .github && destinations["old"]?.signer?.scheme == .gruveo)
        #expect(destinations["old"]?.retry.waitsMilliseconds == [])
        #expect(destinations["old"]?.isOrdered == true && destinations["old"]?.concurrency == 1)
        let plain = try #require(try resolved(routesText(), ["KEY": longKey]).configuration)
        #expect(plain.limits == Limits() && plain.sources[0].dedupeMilliseconds == 86_400_000)
    }

    @Test func theDefaultWindowIsNoLongerThanTheRetention() throws {
        let text = routesText(limits: #""retention": "1h""#)
        #expect(try resolved(text, ["KEY": longKey]).configuration?.sources[0].dedupeMilliseconds == 3_600_000)
    }

    /// Replaces the value of each key of the full file in turn by values of every other kind.
    @Test func everyKeyRefusesAWrongType() throws {
        let root = try JSONNode.parse(Array(Self.everyKey.utf8))
        var count = 0
        for (path, place) in Self.places(in: root, path: "", offset: root.offset) {
            for wrong in ["null", "true", "-7.5", "[]", #"[{"x": null}]"#, #"{"$$": 1}"#, #""\n""#] {
                let text = Self.replacing(place, by: wrong)
                let findings = RoutesFile.decode(Array(text.utf8)).findings.filter { $0.severity == .error }
                let isHarmless = Self.isHarmless(path, wrong)
                #expect(findings.isEmpty == isHarmless, "\(path) = \(wrong): \(findings)")
                let isElsewhere = wrong == "[]" && path.hasSuffix(".allowPrivate")  // Then the URL is what is wrong.
                if !isHarmless, !isElsewhere {
                    #expect(findings.contains { $0.path.hasPrefix(path) }, "\(path): \(findings)")
                }
                count += 1
            }
        }
        #expect(count > 400)
    }

    /// What is right by chance.
    private static func isHarmless(_ path: String, _ wrong: String) -> Bool {
        wrong == #""\n""# && path == "$schema" || wrong == "true" && path.hasSuffix(".ordered")
            || wrong == "[]"
                && (path.hasSuffix(".schedule") || path == "routes" || path == "destinations.crm.allowPrivate")
    }

    /// Every value with its path and its range of bytes; patterns are left out.
    private static func places(in node: JSONNode, path: String, offset: Int) -> [(String, Range<Int>)] {
        var all: [(String, Range<Int>)] = []
        switch node.kind {
        case .object(let members) where !path.hasSuffix(".match"):
            for member in members {
                let key = member.key.contains(".") ? "\"\(member.key)\"" : member.key
                let inner = path.isEmpty ? key : "\(path).\(key)"
                all += [(inner, range(of: member.value))]
                all += places(in: member.value, path: inner, offset: offset)
            }
        case .array(let elements):
            for (index, element) in elements.enumerated() {
                all += [("\(path)[\(index)]", range(of: element))]
                all += places(in: element, path: "\(path)[\(index)]", offset: offset)
            }
        default: break
        }
        return all
    }

    /// No string of the file has a bracket or an escape, so that counting brackets finds the end of a value.
    private static func range(of node: JSONNode) -> Range<Int> {
        let bytes = Array(everyKey.utf8)
        var depth = 0
        var end = node.offset
        switch node.kind {
        case .string:
            end = bytes[(end + 1)...].firstIndex(of: UInt8(ascii: "\"")) ?? end
            return node.offset..<end + 1
        case .array, .object:
            repeat {
                if "[{".utf8.contains(bytes[end]) { depth += 1 }
                if "]}".utf8.contains(bytes[end]) { depth -= 1 }
                end += 1
            } while depth > 0
            return node.offset..<end
        default:
            end = bytes[end...].firstIndex { ",}] \n".utf8.contains($0) } ?? end
            return node.offset..<end
        }
    }

    private static func replacing(_ range: Range<Int>, by text: String) -> String {
        var bytes = Array(everyKey.utf8)
        bytes.replaceSubrange(range, with: text.utf8)
        return String(decoding: bytes, as: UTF8.self)
    }
}
