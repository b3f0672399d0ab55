internal import GRDB

/// What a name table keeps: a value with a text form.
protocol StoredName: Hashable {
    var stored: String { get }
    init?(stored: String)
}

extension String: StoredName {
    var stored: String { self }
    init?(stored: String) { self = stored }
}

/// A list as netstrings (`5:first,6:second,`), so that a name may hold any character.
extension [String]: StoredName {
    var stored: String { map { "\($0.utf8.count):\($0)," }.joined() }

    init?(stored: String) {
        self = []
        var rest = Substring(stored).utf8
        while let colon = rest.firstIndex(of: UInt8(ascii: ":")) {
            guard let length = Int(Substring(rest[..<colon])) else { return nil }
            let start = rest.index(after: colon)
            guard let end = rest.index(start, offsetBy: length, limitedBy: rest.endIndex), end < rest.endIndex else {
                return nil
            }
            append(String(Substring(rest[start..<end])))
            rest = rest[rest.index(after: end)...]
        }
        if !rest.isEmpty { return nil }
    }
}

/// A destination number does not fit into a delivery's key any more.
struct NameTableFull: Error {}

/// Names that many rows share, each stored once and known by a small number. A value: a copy taken before a
/// transaction is what it falls back to.
struct NameTable<Name: StoredName> {
    private let table: String
    private let limit: Int
    private var numbers: [Name: Int64] = [:]
    private var names: [Int64: Name] = [:]

    init(table: String, limit: Int = .max, _ database: Database) throws {
        self.table = table
        self.limit = limit
        let statement = try PreparedStatement(database, "SELECT id, name FROM \(table)")
        defer { statement.reset() }
        while try statement.step() {
            guard let name = Name(stored: statement.text(1) ?? "") else { continue }
            remember(name, statement.integer(0))
        }
    }

    var allNumbers: [Int64] { Array(names.keys) }

    func number(of name: Name) -> Int64? { numbers[name] }

    func name(of number: Int64) -> Name? { names[number] }

    /// The name's number; a new one is stored in the current transaction.
    mutating func intern(_ name: Name, _ database: Database) throws -> Int64 {
        if let known = numbers[name] { return known }
        guard names.count < limit else { throw NameTableFull() }
        let number = Int64(names.count + 1)
        let statement = try PreparedStatement(database, "INSERT INTO \(table) (id, name) VALUES (?, ?)")
        statement.bind(1, number)
        try statement.bind(2, text: name.stored)
        try statement.run()
        remember(name, number)
        return number
    }

    private mutating func remember(_ name: Name, _ number: Int64) {
        numbers[name] = number
        names[number] = name
    }
}
