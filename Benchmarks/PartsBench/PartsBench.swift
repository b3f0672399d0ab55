import Glibc

/// Measures single parts in the process: `PartsBench rules|hostile|requests [--check] [--rounds N] [--only X]`, where X is
/// a number of rules or the name of a request.
///
/// The times are CPU time of this thread, medians of several rounds. With `--check` a missed bar ends it with code 1.
@main
struct PartsBench {
    static func main() throws {
        let arguments = CommandLine.arguments
        func value(_ name: String) -> String? {
            arguments.firstIndex(of: name).map { arguments[min($0 + 1, arguments.count - 1)] }
        }
        let rounds = max(1, value("--rounds").flatMap { Int($0) } ?? 7)
        var rules = RuleBench(rounds: rounds, only: value("--only").flatMap { Int($0) })
        var requests = RequestBench(rounds: rounds, only: value("--only"))
        switch arguments.dropFirst().first {
        case "rules": try rules.measureSamples()
        case "hostile": try rules.measureHostileInputs()
        case "requests": try requests.measure()
        default:
            print("usage: PartsBench rules|hostile|requests [--check] [--rounds N] [--only X]")
            exit(EX_USAGE)
        }
        let missed = rules.missed + requests.missed
        for bar in missed { print("\nMissed: \(bar)") }
        if arguments.contains("--check"), !missed.isEmpty { exit(1) }
    }
}
