import EventPatterns
import JSON

/// Measures what rules cost, over 10,000 events, the parse of the event included.
///
/// "One by one" judges every rule for each event, as if there were no index. See SampleEvents and SampleRules for what
/// is measured.
struct RuleBench {
    private static let most = 10_000
    /// Most CPU microseconds an event at each size; more than that is a fault with `--check`.
    private static let bars: [(rules: Int, microseconds: Double)] = [(10, 3), (100, 4), (1000, 8), (most, 12)]
    private static let plainBar = 3.0
    private static let loadMillisecondsBar = 500.0
    private static let memoryMegabytesBar = 30.0

    private let events: [[UInt8]]
    private let rounds: Int
    private let bars: [(rules: Int, microseconds: Double)]
    private(set) var missed: [String] = []

    /// - Parameter only: measures one number of rules instead of all.
    init(rounds: Int, only: Int?) {
        events = SampleEvents.make(10_000)
        self.rounds = rounds
        bars = RuleBench.bars.filter { only == nil || $0.rules == only }
    }

    // MARK: - Samples

    mutating func measureSamples() throws {
        // First, while the process is small: what is freed stays with it and would hide what a set needs.
        let memory = try memoryOfSet(SampleRules.mixed(RuleBench.most))
        let size = Double(events.reduce(0) { $0 + $1.count }) / Double(events.count)
        print("\(events.count) events of \(text(size, 0)) bytes, median of \(rounds) rounds\n")
        print("| rules | | CPU µs an event | one by one | pairs that match | matches an event | load, ms |")
        print("| --- | --- | --- | --- | --- | --- | --- |")
        for bar in bars { try measure("all operators", SampleRules.mixed(bar.rules), bar.microseconds) }
        for bar in bars {
            try measure("link and resolution", SampleRules.linkAndResolution(bar.rules), RuleBench.plainBar)
        }
        print(
            "\nA set of \(RuleBench.most) with all operators takes \(text(memory, 1)) MB (resident, with its load)."
        )
        expect(memory, atMost: RuleBench.memoryMegabytesBar, "MB for \(RuleBench.most) rules")
    }

    private mutating func measure(_ name: String, _ rules: [String], _ bar: Double) throws {
        let json = RuleBench.list(rules)
        var set = PatternSet([])
        let load = median(try (0..<3).map { _ in try microseconds { set = try RuleBench.load(json) } }) / 1000
        var matches = 0
        let cost = median(
            try (0..<rounds).map { _ in
                matches = 0
                return try microseconds { for event in events { matches += try set.matches(event).count } }
            })
        let mean = Double(matches) / Double(events.count)
        let cells = [
            "\(rules.count)", name, text(cost / Double(events.count), 2), text(try costOneByOne(set), 1),
            text(100 * mean / Double(rules.count), 3) + " %", text(mean, 2), text(load, 1),
        ]
        printRow(cells)
        expect(cost / Double(events.count), atMost: bar, "µs an event at \(rules.count) rules, \(name)")
        expect(load, atMost: RuleBench.loadMillisecondsBar, "ms to load \(rules.count) rules, \(name)")
    }

    /// Microseconds an event where every rule is judged; so many events that each size takes as long.
    private func costOneByOne(_ set: PatternSet) throws -> Double {
        let sample = events.prefix(max(20, 200_000 / set.patterns.count))
        let costs = try (0..<3).map { _ in
            try microseconds {
                for bytes in sample {
                    let event = try FlatEvent(parsing: bytes, paths: set.paths)
                    for index in set.patterns.indices { _ = try set.firstFailure(of: index, in: event) }
                }
            }
        }
        return median(costs) / Double(sample.count)
    }

    private func memoryOfSet(_ rules: [String]) throws -> Double {
        let json = RuleBench.list(rules)
        let before = residentMegabytes()
        let set = try RuleBench.load(json)
        let after = residentMegabytes()
        return withExtendedLifetime(set) { after - before }
    }

    // MARK: - Hostile inputs

    mutating func measureHostileInputs() throws {
        print("| input | bytes | rules | CPU ms | answer |")
        print("| --- | --- | --- | --- | --- |")
        for input in HostileInputs.all {
            var answer = ""
            guard let set = try? RuleBench.load(RuleBench.list(input.rules)) else {
                printRow([
                    input.name, "\(input.event.utf8.count)", "\(input.rules.count)", "", "refused at load",
                ])
                continue
            }
            let bytes = Array(input.event.utf8)
            let cost = median(
                (0..<rounds).map { _ in
                    microseconds {
                        do throws(EventFault) { answer = "\(try set.matches(bytes).count) match" } catch {
                            answer = error.reason
                        }
                    }
                })
            printRow(
                [input.name, "\(bytes.count)", "\(input.rules.count)", text(cost / 1000, 2), answer])
            expect(cost / 1000, atMost: HostileInputs.millisecondsBar, "ms for \(input.name)")
        }
    }

    // MARK: - Both

    private static func list(_ rules: [String]) -> [UInt8] { Array("[\(rules.joined(separator: ",\n"))]".utf8) }

    /// From the text, as a routes file is read.
    private static func load(_ json: [UInt8]) throws -> PatternSet {
        guard case .array(let nodes) = try JSONNode.parse(json).kind else { return PatternSet([]) }
        return PatternSet(try nodes.map { try EventPattern.parse($0) })
    }

    private mutating func expect(_ value: Double, atMost bar: Double, _ what: String) {
        if !(value <= bar) { missed.append("\(text(value, 2)) \(what), at most \(text(bar, 0))") }
    }
}
