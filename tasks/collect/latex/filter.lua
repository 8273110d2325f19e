-- What GitHub's Markdown cannot say of a paper, said in what it can: pandoc's tree of a LaTeX document, rewritten.

local equations, kinds = {}, {}
local counted = 0
local NUMBERED = { equation = true, align = true, gather = true, eqnarray = true, multline = true, alignat = true, flalign = true }
local INNER = { align = "aligned", eqnarray = "aligned", flalign = "aligned", alignat = "aligned", gather = "gathered", multline = "gathered", equation = "" }
local PREFIXES = { sec = "Section", ch = "Chapter", fig = "Figure", tab = "Table", tbl = "Table", eq = "Equation", thm = "Theorem", lem = "Lemma", def = "Definition", alg = "Algorithm", app = "Appendix", prop = "Proposition", cor = "Corollary" }

local function rows(body)
  local flat = body:gsub("\\begin(%b{}).-\\end%1", "")
  return flat:gsub("\\\\%s*%[[^%]]*%]", "\\\\"):gsub("%s*\\\\%s*$", "")
end

-- the numbers that LaTeX would give to the equations with a label, in the order of the document
local function number(math)
  local name, star, body = math.text:match("^%s*\\begin{(%a+)(%*?)}(.*)\\end{%a+%*?}%s*$")
  if not name or star ~= "" or not NUMBERED[name] then return end
  local lines = { body }
  if name ~= "equation" and name ~= "multline" then
    lines = {}
    for line in (rows(body) .. "\\\\"):gmatch("(.-)\\\\") do lines[#lines + 1] = line end
  end
  for _, line in ipairs(lines) do
    if not line:find("\\nonumber", 1, true) and not line:find("\\notag", 1, true) then
      counted = counted + 1
      for label in line:gmatch("\\label%s*{([^}]*)}") do equations[label] = counted end
    end
  end
end

-- a formula for readers that number nothing: aligned in place of align, no labels
local function formula(math)
  local text = math.text:gsub("\\label%s*%b{}", ""):gsub("\\nonumber%f[%A]", ""):gsub("\\notag%f[%A]", "")
  local name, body = text:match("^%s*\\begin{(%a+)%*?}(.*)\\end{%a+%*?}%s*$")
  if name and INNER[name] then
    if name == "alignat" then body = body:gsub("^%s*%b{}", "") end
    if name == "eqnarray" then body = body:gsub("&%s*([^&\\]-)%s*&", "&%1 ") end
    local inner = INNER[name]
    text = inner == "" and body or "\\begin{" .. inner .. "}" .. body .. "\\end{" .. inner .. "}"
  end
  -- dollars in a formula would end it, and so would lines that begin as lists, headings or quotes do
  for _, name in ipairs { "text", "textrm", "mbox", "hbox" } do
    text = text:gsub("\\" .. name .. "(%b{})", function(said)
      return "\\" .. name .. said:gsub("%$(.-)%$", "}%1\\" .. name .. "{")
    end)
    text = text:gsub("\\" .. name .. "{}", "")
  end
  text = text:gsub("([^\\])%$", "%1"):gsub("^%$", "")
  text = text:gsub("^%s+", ""):gsub("%s+$", ""):gsub("%s+", " "):gsub("\\\\ ([&\\{(%a])", "\\\\\n%1")
  return pandoc.Math(math.mathtype, text)
end

-- keys in brackets, as plain text; brackets that might begin a link are left to the writer, which escapes them
local function keys(citations)
  local out = pandoc.Inlines {}
  for i, citation in ipairs(citations) do
    if i > 1 then out:extend { pandoc.Str ",", pandoc.Space() } end
    out:extend(citation.prefix)
    if #citation.prefix > 0 then out:insert(pandoc.Space()) end
    out:insert(pandoc.Str(citation.id))
    if #citation.suffix > 0 and citation.suffix[1].text ~= "," then out:insert(pandoc.Str ",") end
    if #citation.suffix > 0 and citation.suffix[1].t ~= "Space" then out:insert(pandoc.Space()) end
    out:extend(citation.suffix)
  end
  return out
end

local function bracketed(inner, first)
  local out = pandoc.Inlines(inner)
  local plain = first:find "^%w[%w_:.-]"
  out:insert(1, plain and pandoc.RawInline("markdown", "[") or pandoc.Str "[")
  out:insert(plain and pandoc.RawInline("markdown", "]") or pandoc.Str "]")
  return out
end

local function cite(element)
  local inner = keys(element.citations)
  return bracketed(inner, element.citations[1].id)
end

-- a bracket before one of these would begin a link, and a lone x in brackets is a box to tick
local function unlinked(inlines)
  for i = 1, #inlines - 1 do
    local one, following = inlines[i], inlines[i + 1]
    if one.t == "RawInline" and one.text == "]" and (following.text or ""):find "^[%(%[:]" then
      inlines[i] = pandoc.Str "]"
    end
  end
  return inlines
end

-- a line that ends in a wide character and goes on with one has no space in between
local function wide(inline, at)
  if not inline or inline.t ~= "Str" then return false end
  local offset = utf8.offset(inline.text, at)
  return offset and utf8.codepoint(inline.text, offset) >= 0x3000
end

local function unspaced(inlines)
  for i = #inlines - 1, 2, -1 do
    if inlines[i].t == "SoftBreak" and wide(inlines[i - 1], -1) and wide(inlines[i + 1], 1) then inlines:remove(i) end
  end
  return inlines
end

local function reference(link)
  local kind, label = link.attributes["reference-type"], link.attributes["reference"]
  if not kind then
    if link.target:sub(1, 1) == "#" then return link.content end
    return nil
  end
  local shown = equations[label] and tostring(equations[label]) or pandoc.utils.stringify(link.content)
  local unknown = shown:match "^%[(.*)%]$"
  if unknown then return bracketed({ pandoc.Str(unknown) }, unknown) end
  if kind == "eqref" and equations[label] then return pandoc.RawInline("markdown", "(" .. shown .. ")") end
  if kind == "ref+label" or kind == "ref+Label" then
    local word = equations[label] and "Equation" or kinds[label] or PREFIXES[(label:match("^(%a+)[:%-_]") or ""):lower()]
    if word then return { pandoc.Str(word), pandoc.Space(), pandoc.Str(shown) } end
  end
  return pandoc.Str(shown)
end

-- a table with one line a cell, a head, and every column in every row
local function simple(inlines)
  return inlines:walk {
    LineBreak = function() return pandoc.Space() end,
    SoftBreak = function() return pandoc.Space() end,
    Image = function() return {} end,
    Math = function(math)
      local text = math.text:gsub("\\|", "\\Vert "):gsub("|", "\\vert "):gsub("%s+", " ")
      return pandoc.Math("InlineMath", text)
    end,
  }
end

local function flat_table(element)
  local columns = #element.colspecs
  local held = {} -- column -> rows that a cell above still reaches into
  local function flat_row(row)
    local cells, i = {}, 1
    for _, cell in ipairs(row.cells) do
      while (held[i] or 0) > 0 and i <= columns do
        cells[#cells + 1] = pandoc.Cell {}
        held[i] = held[i] - 1
        i = i + 1
      end
      local text = simple(pandoc.utils.blocks_to_inlines(cell.contents, { pandoc.Space() }))
      for offset = 0, cell.col_span - 1 do
        if i <= columns then
          cells[#cells + 1] = pandoc.Cell(offset == 0 and { pandoc.Plain(text) } or {})
          held[i] = cell.row_span - 1
          i = i + 1
        end
      end
    end
    while i <= columns do
      cells[#cells + 1] = pandoc.Cell {}
      if (held[i] or 0) > 0 then held[i] = held[i] - 1 end
      i = i + 1
    end
    return pandoc.Row(cells)
  end
  local all = {}
  local function take(list)
    for _, row in ipairs(list) do
      row = flat_row(row)
      if pandoc.utils.stringify(pandoc.Div(pandoc.Blocks(row.cells:map(function(c) return pandoc.Div(c.contents) end)))) ~= "" then
        all[#all + 1] = row
      end
    end
  end
  take(element.head.rows)
  for _, body in ipairs(element.bodies) do
    take(body.head)
    take(body.body)
  end
  take(element.foot.rows)
  local caption = pandoc.utils.blocks_to_inlines(element.caption.long, { pandoc.Space() })
  local out = pandoc.Blocks {}
  if #caption > 0 then out:insert(pandoc.Para(caption)) end
  if #all == 0 then return out end
  local head = pandoc.TableHead { table.remove(all, 1) }
  for _, spec in ipairs(element.colspecs) do spec[2] = nil end
  local specs = element.colspecs:map(function(spec) return { spec[1], nil } end)
  out:insert(pandoc.Table({ long = {}, short = nil }, specs, head, { { attr = pandoc.Attr(), body = all, head = {}, row_head_columns = 0 } }, pandoc.TableFoot {}))
  return out
end

-- a figure is its caption: as a picture's where that can be one, else a paragraph; what else the float holds stays
local function figure(element)
  local pictures = 0
  local rest = element.content:walk {
    Figure = function(inner)
      pictures = pictures + 1
      return {}
    end,
    Image = function()
      pictures = pictures + 1
      return {}
    end,
  }
  local caption = pandoc.utils.blocks_to_inlines(element.caption.long, { pandoc.Space() })
  if #caption == 0 and pandoc.utils.stringify(rest) == "" then
    local inner = pandoc.Blocks {}
    element.content:walk { Figure = function(sub) inner:insert(sub) end }
    return inner, true
  end
  caption = caption:walk { Note = function() return {} end, LineBreak = function() return pandoc.Space() end }
  local out = pandoc.Blocks {}
  local text = pandoc.utils.stringify(rest)
  if text:find "%S" then out:extend(rest) end
  if #caption > 0 then
    local said = pandoc.utils.stringify(caption)
    local words = select(2, said:gsub("%S+", ""))
    local short = utf8.len(said) and utf8.len(said) <= 190 and (words >= 3 or #said > 2 * utf8.len(said))
    local alone = pictures > 0 and short and not text:find "%S"
    out:insert(pandoc.Para(alone and { pandoc.Image(caption, "figure", "") } or caption))
  end
  return out, true
end

-- formulas in lines of their own part a paragraph
local function parted(element)
  local out, run = pandoc.Blocks {}, pandoc.Inlines {}
  local function close()
    while #run > 0 and (run[1].t == "Space" or run[1].t == "SoftBreak" or run[1].t == "LineBreak") do run:remove(1) end
    while #run > 0 and (run[#run].t == "Space" or run[#run].t == "SoftBreak" or run[#run].t == "LineBreak") do run:remove(#run) end
    if #run > 0 then out:insert(pandoc.Para(run)) end
    run = pandoc.Inlines {}
  end
  for _, inline in ipairs(element.content) do
    if inline.t == "Math" and inline.mathtype == "DisplayMath" then
      close()
      out:insert(pandoc.Para { inline })
    else
      run:insert(inline)
    end
  end
  close()
  return out
end

-- theorems are upright, so that what they hold is read like any other text
local function theorem(div)
  local first = div.content[1]
  if not (first and first.t == "Para" and first.content[1] and first.content[1].t == "Strong") then return nil end
  return div.content:walk {
    traverse = "topdown",
    Para = function(para)
      local out = pandoc.Inlines {}
      for _, inline in ipairs(para.content) do
        if inline.t == "Emph" then out:extend(inline.content) else out:insert(inline) end
      end
      return pandoc.Para(out), false
    end,
  }
end

-- lists whose items are one paragraph, or one above lists, have no empty lines
local function tight(list)
  for _, item in ipairs(list.content) do
    for i, block in ipairs(item) do
      local nested = block.t == "BulletList" or block.t == "OrderedList"
      if i == 1 and block.t ~= "Para" and block.t ~= "Plain" or i > 1 and not nested then return nil end
    end
  end
  for _, item in ipairs(list.content) do
    if item[1] then item[1] = pandoc.Plain(item[1].content) end
  end
  return list
end

-- a term and what it means, as an item that begins in bold
local function terms(list)
  local items = {}
  for _, pair in ipairs(list.content) do
    local term, blocks = pair[1], pandoc.Blocks {}
    for _, one in ipairs(pair[2]) do blocks:extend(one) end
    local head = pandoc.Inlines { pandoc.Strong(term) }
    if #term == 0 then head = pandoc.Inlines {} end
    if blocks[1] and (blocks[1].t == "Para" or blocks[1].t == "Plain") then
      if #head > 0 then head:insert(pandoc.Space()) end
      head:extend(blocks[1].content)
      blocks:remove(1)
    end
    blocks:insert(1, pandoc.Para(head))
    items[#items + 1] = blocks
  end
  return pandoc.BulletList(items)
end

local function remember(document)
  local first = 9
  document:walk {
    Header = function(header)
      kinds[header.identifier] = "Section"
      first = math.min(first, header.level)
    end,
    Figure = function(element) kinds[element.identifier] = "Figure" end,
    Table = function(element) kinds[element.identifier] = "Table" end,
    Math = number,
  }
  return first
end

local function heading(header)
  return header:walk { LineBreak = function() return pandoc.Space() end }
end

function Pandoc(document)
  local first = remember(document)
  local head = pandoc.Blocks {}
  local function meta(name)
    local value = document.meta[name]
    if not value then return pandoc.Blocks {} end
    local kind = pandoc.utils.type(value)
    if kind == "List" then -- it was set more than once
      value = value[#value]
      kind = pandoc.utils.type(value)
    end
    if kind == "Blocks" then return value end
    return pandoc.Blocks { pandoc.Plain(kind == "Inlines" and value or pandoc.utils.stringify(value)) }
  end
  local title = pandoc.utils.blocks_to_inlines(meta "title", { pandoc.Space() })
  title = title:walk { Note = function() return {} end, LineBreak = function() return pandoc.Space() end }
  local shift = 1 - first
  if pandoc.utils.stringify(title):find "%S" then
    head:insert(pandoc.Header(1, title))
    shift = 2 - first
  end
  local abstract = meta "abstract"
  if pandoc.utils.stringify(abstract):find "%S" then
    head:insert(pandoc.Header(first, "Abstract"))
    head:extend(abstract)
  end
  local blocks = head .. document.blocks
  for i, block in ipairs(blocks) do
    if block.t == "Header" and not (i == 1 and shift == 2 - first) then
      block.level = math.max(1, math.min(6, block.level + shift))
    end
  end
  document.meta = pandoc.Meta {}
  document.blocks = blocks
    :walk { traverse = "topdown", Figure = figure }
    :walk { Image = function(image) if image.src ~= "figure" then return {} end end }
    :walk { Str = function(str) return pandoc.Str((str.text:gsub("\u{a0}", " "))) end }
    :walk { Math = formula, Cite = cite, Link = reference, Div = theorem }
    :walk { Inlines = function(inlines) return unspaced(unlinked(inlines)) end, Table = flat_table }
    :walk { Para = parted, DefinitionList = terms, Header = heading }
    :walk { BulletList = tight, OrderedList = tight }
  return document
end
