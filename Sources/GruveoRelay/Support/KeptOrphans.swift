import DeadLetterFiles
import Relay
import SQLiteStore

/// How each destination is, without the names that the routes file does not have and for which nothing is kept: no
/// delivery waits for them, and there is no dead letter. Blocks its caller.
///
/// What cannot be read hides nothing.
func withoutEmptyOrphans(_ reports: [LaneReport], state: String) -> [LaneReport] {
    guard reports.contains(where: \.isOrphaned) else { return reports }
    let pending = try? QueueReader(directory: state).pending()
    let letters = DeadLetterDirectory(stateDirectory: state)
    func isKept(_ name: String) -> Bool {
        guard let pending, pending[name] == nil else { return true }
        return (try? letters.hasLetter(of: name)) ?? true
    }
    return reports.filter { !$0.isOrphaned || isKept($0.destination) }
}
