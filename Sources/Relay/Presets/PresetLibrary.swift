/// The presets that a routes file can name: those that come with the program, and the operator's own, which win.
package struct PresetLibrary: Sendable {
    fileprivate struct Entry: Sendable {
        let file: PresetFile
        let isOwn: Bool
        let preset: Preset?
        let findings: [Finding]
    }

    private var entries: [String: Entry] = [:]

    /// - Parameter own: the files of the folder `presets` beside the routes file.
    package init(shipped: [PresetFile] = [], own: [PresetFile] = []) {
        shippedNames = Set(shipped.map(\.name))
        for file in shipped { add(file, isOwn: false) }
        for file in own { add(file, isOwn: true) }
    }

    private let shippedNames: Set<String>

    /// All names in alphabetical order.
    package var names: [String] { entries.keys.sorted() }

    /// Those that can be read, in the order of their names.
    package var presets: [Preset] { names.compactMap { entries[$0]?.preset } }

    /// Whether there is one of this name that can be read.
    func has(_ name: String) -> Bool { entries[name]?.preset != nil }

    private mutating func add(_ file: PresetFile, isOwn: Bool) {
        let (preset, findings) = Preset.decode(file)
        entries[file.name] = Entry(file: file, isOwn: isOwn, preset: preset, findings: findings)
    }

    /// The preset that a destination names; where there is none, `field` says why.
    func preset(named field: Field) -> Preset? {
        guard let name = field.text("the name of a preset") else { return nil }
        guard let entry = entries[name] else {
            field.error(
                "unknown preset \(Words.quoted(name))"
                    + (Words.nearest(to: name, among: names).map { ", did you mean \(Words.quoted($0))?" } ?? "")
                    + " (there are \(names.joined(separator: ", ")))")
            return nil
        }
        for finding in entry.findings { field.log.add(finding.severity, at: field.place, entry.words(finding)) }
        if entry.isOwn, shippedNames.contains(name) {
            field.note("\(entry.file.path) is used in place of the preset of this name that comes with the program")
        }
        if entry.preset?.isExperimental == true {
            field.note(
                "the preset \(Words.quoted(name)) is experimental: not all that it takes for granted about the service "
                    + "is confirmed, so try it before you rely on it")
        }
        return entry.preset
    }
}

extension PresetLibrary.Entry {
    /// A finding in a preset's file, told where a destination names the preset.
    fileprivate func words(_ finding: Finding) -> String {
        "\(file.path):\(finding.position): \(finding.path.isEmpty ? "" : finding.path + ": ")\(finding.message)"
    }
}
