package import EventPatterns

/// A pattern that is given on the command line, read as `check` reads the `match` of a route.
package enum ReplayMatch {
    /// The pattern, nil where one of the findings is an error. Places are those in `text`.
    package static func parse(_ text: String) -> (pattern: EventPattern?, findings: [Finding]) {
        let log = FindingLog()
        let bytes = Array(text.utf8)
        let pattern = RoutesFile.parse(bytes, log).flatMap { Field(node: $0, path: "", log: log).pattern() }
        return (log.hasErrors ? nil : pattern, log.findings(in: bytes))
    }
}
