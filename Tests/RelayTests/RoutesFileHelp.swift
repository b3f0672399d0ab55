import Testing

@testable import Relay

/// What `check` would print for this text.
func findingLines(_ text: String) -> [String] { findingLines(Array(text.utf8)) }

func findingLines(_ bytes: [UInt8]) -> [String] {
    RoutesFile.decode(bytes).findings.map { $0.line(file: "routes.json") }
}

/// A routes file without findings, with each part on a line of its own, ready to be spoilt: line 2 is the source, 3 the
/// destination, 4 the route, 5 the limits. The members are added in front of the part's own.
func routesText(
    source: String = "", destination: String = "", url: String = #""https://crm.example.com/x""#, route: String = "",
    limits: String = "", top: String = ""
) -> String {
    func joined(_ extra: String, _ rest: String) -> String {
        [extra, rest].filter { !$0.isEmpty }.joined(separator: ", ")
    }
    return """
        {\(top.isEmpty ? "" : top + ",")
        "sources": {"gruveo": {\(joined(source, #""path": "/in", "keys": [{"env": "KEY"}]"#))}},
        "destinations": {"crm": {\(joined(destination, url.isEmpty ? "" : "\"url\": \(url)"))}},
        "routes": [{\(joined(route, #""name": "all", "match": {"link": ["a"]}, "to": ["crm"]"#))}],
        "limits": {\(limits)}}
        """
}

/// Findings without file and position.
func messages(_ text: String) -> [String] {
    RoutesFile.decode(Array(text.utf8)).findings.map { "\($0.severity.rawValue): \($0.path): \($0.message)" }
}

/// Resolves with secrets from a table; what is not there is not set.
func resolved(
    _ text: String, _ secrets: [String: [UInt8]], unreadable: Finding.Severity = .error
) throws -> (configuration: Configuration?, lines: [String]) {
    let decoded = RoutesFile.decode(Array(text.utf8))
    let file = try #require(decoded.file, "\(decoded.findings.map { $0.line(file: "routes.json") })")
    let result = file.resolve(directory: "/etc/relay", unreadable: unreadable) { reference in
        secrets[reference.name].map { .success(SecretContent($0)) } ?? .failure(SecretFault(reason: "it is not set"))
    }
    return (result.configuration, result.findings.map { $0.line(file: "routes.json") })
}

/// 32 bytes that are long enough for a key.
let longKey = Array("0123456789abcdef0123456789abcdef".utf8)
