internal import GRDB
internal import Relay

extension StoreEngine {
    /// Answers what only reads, or is done in small transactions of its own. Gives back what has to go on later, so
    /// that commits come in between.
    func perform(_ operation: Operation) -> Operation? {
        if case .release(let keys) = operation {
            for key in keys { book.release(key.rawValue) }
            return nil
        }
        guard let connection = usableConnection() else {
            operation.fail(StoreError(.failed, "the database could not be opened anew"))
            return nil
        }
        do {
            if case .prune(let now, let progress, let answer) = operation {
                guard let next = try pruneBatch(now: now, progress, connection) else {
                    answer(.success(progress.pruned))
                    return nil
                }
                return .prune(now: now, next, answer)
            }
            if case .hasten(let destination, let now, let lastAttempt, let answer) = operation {
                guard let last = try hastenBatch(destination, now, lastAttempt: lastAttempt, connection) else {
                    answer(.success(()))
                    return nil
                }
                return .hasten(destination: destination, now: now, lastAttempt: last, answer)
            }
            if case .drop(let drop, let now, let answer) = operation {
                answer(.success(try self.drop(drop, now: now, connection)))
                return nil
            }
            return try connection.use { database, statements in try perform(operation, database, statements) }
        } catch {
            let failure = SQLiteFailure(error)
            onTrouble(.readFailed(failure.storeError.description))
            if failure.isOfDamage { noteDoubt(failure.message) }
            if failure.needsReopening { dropConnection() }
            operation.fail(failure.storeError)
            return nil
        }
    }

    private func perform(_ operation: Operation, _ database: Database, _ statements: Statements) throws -> Operation? {
        switch operation {
        case .lease(let request, let answer):
            // One transaction for all its reads: each on its own would lock the file anew.
            let found = try statements.reading { try lease(request, statements) }
            guard let found else { return operation }
            answer(.success(found))
        case .attempts(let key, let answer):
            let records = try statements.attempts.attempts(of: key.rawValue)
            answer(.success(records))
        case .events(let query, let answer):
            let page = try statements.reading { try events(query, statements) }
            answer(.success(page))
        case .counts(let answer):
            let counts = try Totals(database).counts
            answer(.success(counts))
        case .release, .prune, .hasten, .drop: break
        }
        return nil
    }

    /// One transaction for an operation that counts; where it fails the totals in memory are as before.
    func transactKeepingTotals(_ connection: Connection, _ body: (Statements) throws -> Void) throws {
        let before = totals
        do { try connection.transact { _, statements in try body(statements) } } catch {
            totals = before
            throw error
        }
    }

    /// Closes everything; nothing may be asked afterwards.
    func close() {
        isClosed = true
        do { try connection?.close() } catch { onTrouble(.upkeepFailed(SQLiteFailure(error).message)) }
        connection = nil
        keeper.close(isSound: isKnownSound)
    }
}
