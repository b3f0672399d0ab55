import Foundation
import Testing

/// Crashes, slow and full disks, reloads, orders, drops, replays, answers and clock jumps in any order: see
/// `Simulation`.
///
/// `SIMULATION_SEEDS` says how many seeds run, `SIMULATION_SEED` repeats one.
@Suite struct SimulationTests {
    private static let steps = 200

    private static var seeds: ClosedRange<UInt64> {
        let environment = ProcessInfo.processInfo.environment
        if let one = environment["SIMULATION_SEED"].flatMap({ UInt64($0) }) { return one...one }
        return 1...(environment["SIMULATION_SEEDS"].flatMap { UInt64($0) } ?? 60)
    }

    @Test func nothingIsLostWhateverHappens() {
        for seed in SimulationTests.seeds {
            let simulation = Simulation(seed: seed)
            simulation.run(steps: SimulationTests.steps)
            guard simulation.faults.isEmpty else {
                let story = simulation.trace.suffix(40).joined(separator: "\n")
                Issue.record("SIMULATION_SEED=\(seed): \(simulation.faults.prefix(5))\n\(story)")
                return
            }
        }
    }
}
