import Glibc
import JSON
import Signatures
import Testing

@testable import Relay

@Suite struct RoutesFileTests {
    @Test func fiveDifferentMistakesAreReportedAtOnceWithTheirPlaces() {
        let text = """
            {
              "sources": {
                "gruveo": { "path": "/webhooks/gruveo", "keys": [ "a-key-that-stands-here" ] }
              },
              "destinations": {
                "crm": {
                  "url": "https://crm.example.com/api",
                  "timout": "15s",
                  "retry": { "schedule": [ "5s", "10" ] }
                },
                "log": { "url": "http://10.0.0.5/x" }
              },
              "routes": [
                { "name": "é all", "match": {}, "to": [ "crm", "lgo" ] }
              ]
            }
            """
        #expect(
            findingLines(text) == [
                "routes.json:3:55: error: sources.gruveo.keys[0]: a secret may not be written here: refer to it by "
                    + #"{"credential": "NAME"}, {"env": "NAME"} or {"file": "PATH"}"#,
                #"routes.json:8:7: error: destinations.crm: unknown key "timout", did you mean "timeout"?"#,
                #"routes.json:9:38: error: destinations.crm.retry.schedule[1]: "10" has no unit: write "10s", "#
                    + "or with m, h or d",
                "routes.json:11:21: error: destinations.log.url: the address 10.0.0.5 is private; to allow it add "
                    + #""allowPrivate": ["10.0.0.5/32"] to the destination"#,
                "routes.json:14:33: note: routes[0].match: this match is empty: it matches every event",
                #"routes.json:14:52: error: routes[0].to[1]: unknown destination "lgo", did you mean "log"?"#,
            ])
    }

    @Test func aFileWithErrorsIsNoFile() {
        #expect(RoutesFile.decode(Array(routesText().utf8)).file != nil)
        #expect(RoutesFile.decode(Array(routesText(destination: #""preset": "slack""#).utf8)).file == nil)
    }

    @Test func theExampleIsWithoutFindingsButItsNote() throws {
        let bytes = try contents(of: "routes.example.json")
        #expect(
            findingLines(bytes) == [
                "routes.json:38:38: note: routes[2].match: this match is empty: it matches every event"
            ])
        let secrets = [
            "gruveo-key": longKey, "crm-token": Array("token\n".utf8), "crm-key": longKey, "call-log-key": longKey,
            "zapier-url": Array("https://hooks.zapier.com/hooks/catch/1/2/\n".utf8),
        ]
        let (configuration, lines) = try resolved(String(decoding: bytes, as: UTF8.self), secrets)
        #expect(lines == [])
        #expect(configuration?.destinations.count == 3)
        #expect(configuration?.destinations["zapier"]?.url == "https://hooks.zapier.com/hooks/catch/1/2/")
    }

    @Test(arguments: [
        (
            #"{"sources": {"a": {"path": "/a", "keys": [{"env": "K"}]}}}"#,
            [
                "1:1: note: there are no destinations: every event will be stored as unmatched",
                "1:1: note: there are no routes: every event will be stored as unmatched",
            ]
        ),
        (
            #"{"sources": {"a": {"path": "/a", "keys": [{"env": "K"}]}}, "destinations": {}, "routes": []}"#,
            [
                "1:76: note: destinations: there are no destinations: every event will be stored as unmatched",
                "1:90: note: routes: there are no routes: every event will be stored as unmatched",
            ]
        ),
        (
            "{}",
            [
                #"1:1: note: there are no destinations: every event will be stored as unmatched"#,
                #"1:1: note: there are no routes: every event will be stored as unmatched"#,
                #"1:1: error: "sources" is missing: add "sources": { … }, without which nothing can come in"#,
            ]
        ),
        (
            #"{"source": {}, "destinations": {"x": {"url": "https://a.b/"}}, "routes": []}"#,
            [
                #"1:2: error: unknown key "source", did you mean "sources"?"#,
                "1:74: note: routes: there are no routes: every event will be stored as unmatched",
            ]
        ),
    ])
    func whatIsNotThereIsSaid(text: String, expected: [String]) {
        #expect(findingLines(text) == expected.map { "routes.json:" + $0 })
    }

    @Test func twoDestinationsOfOneURLAreNoted() {
        let text = """
            {"sources": {"a": {"path": "/a", "keys": [{"env": "K"}]}},
             "destinations": {
              "one": {"url": "https://a.example/x"}, "two": {"url": "https://a.example/x"},
              "three": {"url": {"env": "U"}}, "four": {"url": {"env": "U"}}, "five": {"url": {"env": "V"}}},
             "routes": [{"name": "r", "match": "otherwise", "to": ["one"]}]}
            """
        #expect(
            findingLines(text) == [
                #"routes.json:3:57: note: destinations.two.url: the same URL as the destination "one": "#
                    + "both carry the same webhook-id",
                #"routes.json:4:51: note: destinations.four.url: the same URL as the destination "three": "#
                    + "both carry the same webhook-id",
            ])
    }

    @Test func keysThatStandTwiceAreReportedAtEveryLevelAndOnce() {
        let text = """
            {"sources": {"a": {"path": "/a", "path": 5, "keys": [{"env": "K", "env": "L"}]}},
             "destinations": {"x": {"url": "https://a.example/"}, "x": {"wrong": 1}},
             "routes": [{"name": "r", "match": {"link": ["a"], "link": ["b"]}, "to": ["x"]}],
             "routes": []}
            """
        #expect(
            findingLines(text) == [
                #"routes.json:1:34: error: sources.a: the key "path" stands here twice: remove one"#,
                #"routes.json:1:67: error: sources.a.keys[0]: the key "env" stands here twice: remove one"#,
                #"routes.json:2:55: error: destinations: the key "x" stands here twice: remove one"#,
                #"routes.json:3:52: error: routes[0].match: the key "link" stands here twice: remove one"#,
                #"routes.json:4:2: error: the key "routes" stands here twice: remove one"#,
            ])
    }

    @Test func positionsCountScalarsAndLinesOfEitherEnding() {
        let text = "{\r\n\"é😀\": 1,\r\n  \"wrong\": 2, \"sources\": {}}"
        let positions = RoutesFile.decode(Array(text.utf8)).findings.filter { $0.severity == .error }.map(\.position)
        let expected = [(2, 1), (3, 3), (3, 26)].map { SourcePosition(line: $0, column: $1) }
        #expect(positions == expected)
    }

    /// A ratio, since seconds say more of the machine than of the program.
    @Test func fiveTimesTheRoutesTakeFiveTimesAsLongToRead() {
        func time(_ count: Int) -> Duration {
            let routes = (0..<count).map {
                #"{"name": "route \#($0)", "match": {"tracking": {"id": ["\#($0)"]}}, "to": ["crm"], "from": ["a"]}"#
            }
            let text = """
                {"sources": {"a": {"path": "/a", "keys": [{"env": "K"}]}},
                "destinations": {"crm": {"url": "https://a.example/"}},
                "routes": [\(routes.joined(separator: ",\n"))]}
                """
            let bytes = Array(text.utf8)
            var file: RoutesFile?
            let time = processorTime { file = RoutesFile.decode(bytes).file }
            #expect(file?.routes.count == count)
            return time
        }
        let (few, many) = (time(2000), time(10_000))
        #expect(many < few * 12, "\(few) and \(many)")
    }

    @Test func tenThousandFindingsGetTheirPlacesInOnePass() {
        let routes = (0..<10_000).map { #"{"name": "route \#($0)", "match": {"link": ["\#($0)"]}, "to": ["nobody"]}"# }
        let bytes = Array(#"{"routes": [\#(routes.joined(separator: ","))]}"#.utf8)
        var findings: [Finding] = []
        let time = processorTime { findings = RoutesFile.decode(bytes).findings }
        #expect(findings.count == 10_002)
        #expect(time < .seconds(3), "\(time)")
    }
}

/// What this thread worked for it: the other tests run beside it.
private func processorTime(_ work: () -> Void) -> Duration {
    func now() -> Duration {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
    }
    let start = now()
    work()
    return now() - start
}

/// A file of the repository.
private func contents(of name: String) throws -> [UInt8] {
    let root = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
    let file = try #require(fopen("/\(root)/\(name)", "r"))
    defer { fclose(file) }
    var bytes = [UInt8](repeating: 0, count: 1 << 20)
    let count = fread(&bytes, 1, bytes.count, file)
    return Array(bytes.prefix(count))
}
