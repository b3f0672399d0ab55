import Dispatch
import Glibc
import JSON
package import Relay
import Synchronization

/// The directory of dead letters. It writes on a thread of its own, so that neither the sender nor the cooperative
/// pool waits for the disk; everything else blocks its caller.
package final class DeadLetterDirectory: DeadLetterSink {
    let tree: StateTree
    private let queue = DispatchQueue(label: "dead-letters")
    private let reserve = Mutex<UInt64>(0)

    /// - Parameter stateDirectory: the path of STATE, which exists.
    package init(stateDirectory: String) { tree = StateTree(path: stateDirectory) }

    /// Writes no letter from now on that would leave less than this free, in bytes: so much is for the queue, which has
    /// to note what else was delivered.
    package func leaveFree(_ bytes: UInt64) { reserve.withLock { $0 = bytes } }

    /// Writes the letter; on disk, with its directories, when the completion says so.
    ///
    /// A letter of the same delivery that is there already is replaced, its attempts are kept.
    package func write(_ letter: DeadLetter, completion: @escaping @Sendable (Result<Void, any Error>) -> Void) {
        queue.async { completion(Result { try self.writeNow(letter) }) }
    }

    private func writeNow(_ letter: DeadLetter) throws(DeadLetterError) {
        guard isRelayName(letter.destination) else { throw .invalidDestination(letter.destination) }
        let file = DeadLetterFile(event: letter.event, destination: letter.destination)
        let earlier = (try? read(file))?.attempts ?? []
        let least = reserve.withLock { $0 }
        let hasRoom: Bool
        do {
            let directory = try tree.making(.deadLetters, FileName(letter.destination))
            let text = DeadLetterDocument.text(letter, earlier: earlier)
            hasRoom = least == 0 ? true : try directory.freeBytes() >= least + UInt64(text.count)
            if hasRoom { try directory.write(text, as: file.name) }
        } catch {
            throw .system(error)
        }
        if !hasRoom { throw .noRoom(least) }
    }

    /// Reads one letter.
    package func read(_ file: DeadLetterFile) throws(DeadLetterError) -> DeadLetterRecord {
        guard let text = try text(of: file, limit: DeadLetterDocument.limit) else { throw .notFound(file.path) }
        let record: DeadLetterRecord
        do { record = try DeadLetterRecord(parsing: text) } catch { throw .unreadable(path: file.path, error) }
        guard record.event.id == file.id, record.destination == file.destination else {
            throw .misplaced(path: file.path)
        }
        return record
    }

    private func text(of file: DeadLetterFile, limit: Int) throws(DeadLetterError) -> [UInt8]? {
        do {
            guard let directory = try tree.existing(.deadLetters, FileName(file.destination)) else { return nil }
            return try directory.read(file.name, limit: limit)?.bytes
        } catch {
            throw error.code == EFBIG ? .tooLarge(path: file.path, limit: limit) : .system(error)
        }
    }
}
