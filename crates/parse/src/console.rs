//! What dism and sfc print on a console, in English, Chinese and what other languages it was met in: the log of it is another file, and
//! people copy this one.
//!
//! A record is one command's output. Its text begins with a line of ours that says how it ended, so that rules need not know languages:
//!
//! ```text
//! Console: tool=dism outcome=failed code=0x800f081f
//! ```

use crate::head::Head;
use event::Level;

/// A sentence of a tool and what it says.
struct Phrase {
    outcome: &'static str,
    words: &'static [&'static str],
}

/// What a command ended with; the first that is found counts, so the graver stand first. Sentences of other languages than English and
/// Chinese are those of the two tools that people copy most.
const PHRASES: [Phrase; 9] = [
    Phrase {
        outcome: "unrepaired",
        words: &[
            "found corrupt files but was unable to fix",
            "但其中有一些文件无法修复",
            "但无法修复其中的某些文件",
            "找到了损坏文件但无法修复",
            "找到損毀的檔案，但無法修正其中部分檔案",
            "konnte einige der Dateien nicht reparieren",
            "n'a pas réussi à réparer tous les fichiers",
            "pero no pudo reparar algunos de ellos",
            "一部は修復できませんでした",
            "не может восстановить некоторые из них",
            "non è stato possibile correggerne alcuni",
            "mas não pôde corrigir alguns",
        ],
    },
    Phrase {
        outcome: "failed",
        words: &[
            "Windows Resource Protection could not perform the requested operation",
            "Windows Resource Protection could not start the repair service",
            "Windows 资源保护无法执行请求的操作",
            "Windows 资源保护无法启动修复服务",
            "There is a system repair pending which requires reboot",
            "有一个系统修复处于挂起状态",
            "konnte den angeforderten Vorgang nicht ausführen",
            "konnte den Reparaturdienst nicht starten",
            "n'a pas pu effectuer l'opération demandée",
            "no pudo realizar la operación solicitada",
            "要求された操作を実行できませんでした",
            "не удается выполнить запрошенную операцию",
        ],
    },
    Phrase {
        outcome: "repaired",
        words: &[
            "found corrupt files and successfully repaired",
            "并成功修复了它们",
            "并成功修复了这些文件",
            "并已成功修复",
            "beschädigte Dateien gefunden und erfolgreich repariert",
            "fichiers endommagés et les a réparés",
            "archivos dañados y los reparó",
            "正常に修復されました",
            "успешно их восстановила",
        ],
    },
    Phrase {
        outcome: "clean",
        words: &[
            "did not find any integrity violations",
            "未找到任何完整性冲突",
            "hat keine Integritätsverletzungen gefunden",
            "n'a trouvé aucune violation d'intégrité",
            "no encontró ninguna infracción de integridad",
            "整合性違反を検出しませんでした",
            "не обнаружила нарушений целостности",
        ],
    },
    Phrase {
        outcome: "unrepairable",
        words: &[
            "The component store cannot be repaired",
            "无法修复组件存储",
            "Der Komponentenspeicher kann nicht repariert werden",
        ],
    },
    Phrase {
        outcome: "repairable",
        words: &[
            "The component store is repairable",
            "可以修复组件存储",
            "组件存储是可修复的",
            "Der Komponentenspeicher kann repariert werden",
        ],
    },
    Phrase {
        outcome: "repaired",
        words: &[
            "The restore operation completed successfully",
            "还原操作已成功完成",
            "还原操作成功完成",
            "Der Wiederherstellungsvorgang wurde erfolgreich abgeschlossen",
        ],
    },
    Phrase {
        outcome: "clean",
        words: &[
            "No component store corruption detected",
            "未检测到组件存储损坏",
            "Es wurde keine Komponentenspeicherbeschädigung erkannt",
        ],
    },
    Phrase {
        outcome: "done",
        words: &[
            "The operation completed successfully",
            "操作成功完成",
            "Der Vorgang wurde erfolgreich beendet",
        ],
    },
];

/// Where a code that a command ended with stands among [`PHRASES`]: sfc's own words say more than a code, a store's state says less.
const BEFORE_CODE: usize = 5;

/// What dism prints first, in the languages that it was met in.
const DISM: [&str; 14] = [
    "Deployment Image Servicing and Management tool",
    "部署映像服务和管理工具",
    "部署映像服务与管理工具",
    "部署映像服務與管理工具",
    "部署映像服務和管理工具",
    "Tool zur Imageverwaltung für die Bereitstellung",
    "Outil Gestion et maintenance des images de déploiement",
    "Herramienta Administración y mantenimiento de imágenes",
    "Strumento Gestione e manutenzione immagini distribuzione",
    "Ferramenta de Gerenciamento e Manutenção de Imagens",
    "展開イメージのサービスと管理ツール",
    "배포 이미지 서비스 및 관리 도구",
    // With a Latin first letter, as Windows has it, or the Russian one.
    "Cистема DISM",
    "Система DISM",
];

/// What sfc prints first, or its result alone, as people type or copy it.
const SFC: [&str; 13] = [
    "Beginning system scan",
    "开始系统扫描",
    "Systemsuche wird gestartet",
    "Windows Resource Protection",
    "Windows 资源保护",
    "Windows 資源保護",
    "Der Windows-Ressourcenschutz",
    "Le programme de protection des ressources Windows",
    "La protection des ressources Windows",
    "Protección de recursos de Windows",
    "Windows リソース保護",
    "Защита ресурсов Windows",
    "Protezione risorse",
];

/// Whether one command's output starts at this line. A prompt before it is text between records.
pub(crate) fn starts(line: &str) -> bool {
    tool(line).is_some()
}

/// The tool whose output starts at this line.
fn tool(line: &str) -> Option<&'static str> {
    // Not further in than what is seen of a line before a cut.
    let mut line = line;
    for _ in 0..MOST_INDENT {
        line = line.strip_prefix(MARKS).unwrap_or(line);
    }
    let is_of = |starts: &[&str]| starts.iter().any(|start| line.starts_with(start));
    if is_of(&DISM) {
        Some("dism")
    } else if is_of(&SFC) {
        Some("sfc")
    } else {
        None
    }
}

/// Blanks and marks of quotation before a first line.
const MOST_INDENT: usize = 8;
const MARKS: [char; 6] = [' ', '\t', '\u{FEFF}', '>', '|', '*'];

/// Whether a text is such output.
pub(crate) fn is_one(text: &str) -> bool {
    text.lines().any(starts)
}

pub(crate) fn read(record: &str) -> Option<(Head<'_>, usize)> {
    starts(record).then(|| {
        let head = Head {
            logged: None,
            level: Level::Unknown,
            level_word: "",
            message_id: None,
            component: "Console",
        };
        (head, 0)
    })
}

/// The output with what it says of itself before it.
pub(crate) fn text(record: &str) -> String {
    let plain = record.replace('’', "'");
    let lines: Vec<&str> = plain
        .lines()
        .map(|line| line.trim_start_matches(MARKS).trim_end())
        .collect();
    // Sentences are wrapped at the console's width: between words, or between any two letters of Chinese.
    let words: Vec<&str> = lines
        .iter()
        .flat_map(|line| line.split_whitespace())
        .collect();
    let (folded, squeezed) = (words.join(" "), words.concat());
    let says = |sentence: &str| {
        folded.contains(sentence) || {
            let sentence: String = sentence.split_whitespace().collect();
            !sentence.is_ascii() && squeezed.contains(&sentence)
        }
    };
    let found = PHRASES
        .iter()
        .position(|phrase| phrase.words.iter().any(|words| says(words)));
    let code = lines.iter().find_map(|line| code(line)).or_else(|| {
        folded
            .match_indices(" Error: 0x")
            .find_map(|(at, _)| code(folded.get(at..)?))
    });
    let outcome = match (found, code) {
        (Some(at), Some(_)) if at >= BEFORE_CODE => "failed",
        (None, Some(_)) => "failed",
        (Some(at), _) => PHRASES.get(at).map_or("unknown", |phrase| phrase.outcome),
        (None, None) => "unknown",
    };
    let tool = tool(record.trim_start()).unwrap_or("sfc");
    let mut text = format!("Console: tool={tool} outcome={outcome}");
    if outcome == "failed"
        && let Some(code) = code
    {
        text.push_str(&format!(" code={code:#010x}"));
    }
    text.push('\n');
    text.push_str(record.trim_end());
    text
}

/// What stands before a code that a tool ends with. The colon behind it may have a blank before it, as in French.
pub(crate) const ERROR: [&str; 13] = [
    "Error",
    "错误",
    "錯誤",
    "Fehler",
    "Erreur",
    "Errore",
    "Erro",
    "Ошибка",
    "エラー",
    "오류",
    "Błąd",
    "Hata",
    "Fout",
];

/// `Error: 0x800f081f`, `错误: 87`, `Erreur : 3`: a small number is an error of Windows, its result is 0x8007….
fn code(line: &str) -> Option<u32> {
    let line = line.trim_start();
    let rest = ERROR.iter().find_map(|word| {
        line.strip_prefix(word)?
            .trim_start()
            .strip_prefix([':', '：'])
    })?;
    let rest = rest.trim_start();
    let word = rest.split([' ', '\r', '。', '.', ',']).next()?;
    match word.strip_prefix("0x") {
        Some(hex) => u32::from_str_radix(hex, 16).ok(),
        None => {
            let number: u32 = word.parse().ok()?;
            (1..=0xFFFF)
                .contains(&number)
                .then_some(0x8007_0000 | number)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first_line(output: &str) -> String {
        assert!(is_one(output), "{output}");
        text(output).lines().next().unwrap_or_default().to_owned()
    }

    #[test]
    fn every_phrase_tells_its_outcome() {
        for phrase in &PHRASES {
            for words in phrase.words {
                let output = format!("Beginning system scan.\n{words}x\n");
                let said = first_line(&output);
                let outcome = format!("outcome={}", phrase.outcome);
                assert!(said.contains(&outcome), "{words}: {said}");
            }
        }
    }

    #[test]
    fn a_failure_has_its_code_and_the_graver_outcome_counts() {
        for (output, said) in [
            (
                "\r\nDeployment Image Servicing and Management tool\r\nVersion: 10.0\r\n\r\nError: 0x800f081f\r\n\r\nThe source files could not be found.\r\n",
                "Console: tool=dism outcome=failed code=0x800f081f",
            ),
            (
                "部署映像服务和管理工具\r\n版本: 10.0\r\n\r\n错误: 87\r\n",
                "Console: tool=dism outcome=failed code=0x80070057",
            ),
            (
                "Deployment Image Servicing and Management tool\n\nThe component store is repairable.\nThe operation completed successfully.\n",
                "Console: tool=dism outcome=repairable",
            ),
            (
                "Beginning system scan.\n\nWindows Resource Protection found corrupt files but was unable to fix some of them.\n",
                "Console: tool=sfc outcome=unrepaired",
            ),
            ("开始系统扫描。\n", "Console: tool=sfc outcome=unknown"),
            (
                "> Windows Resource Protection found\n> corrupt files but was unable to fix some\n> of them.\n",
                "Console: tool=sfc outcome=unrepaired",
            ),
            (
                "> Deployment Image Servicing and Management tool\n> Version: 10.0\n>\n> Error: 0x800f081f\n",
                "Console: tool=dism outcome=failed code=0x800f081f",
            ),
            (
                "Deployment Image Servicing and Management tool Version: 10.0 [==100.0%==] Error: 0x800f0906 The source files could not be downloaded.\n",
                "Console: tool=dism outcome=failed code=0x800f0906",
            ),
            (
                "Outil Gestion et maintenance des images de déploiement\nVersion : 10.0\n\nErreur : 0x800f0906\n",
                "Console: tool=dism outcome=failed code=0x800f0906",
            ),
            (
                "Cистема DISM\nВерсия: 10.0\n\nОшибка: 0x800f081f\n",
                "Console: tool=dism outcome=failed code=0x800f081f",
            ),
            (
                "Windows 资源保护找到了损坏文件但\n无法修复其中某些文件。\n",
                "Console: tool=sfc outcome=unrepaired",
            ),
            (
                "Le programme de protection des ressources Windows a trouvé des fichiers\nendommagés, mais n’a pas réussi à réparer tous les fichiers.\n",
                "Console: tool=sfc outcome=unrepaired",
            ),
        ] {
            assert_eq!(first_line(output), said);
        }
    }
}
